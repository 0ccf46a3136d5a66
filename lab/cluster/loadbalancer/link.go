package loadbalancer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
)

// link is the interface of the node that holds the addresses.
type link struct{ name string }

func (l link) settle(ctx context.Context, want assignment, p pool) error {
	have, err := l.addresses(ctx)
	if err != nil {
		return err
	}
	add, remove := difference(have, want, p)
	for _, a := range remove {
		if _, err := ip(ctx, "addr", "del", a.String()+"/32", "dev", l.name); err != nil {
			return err
		}
	}
	for _, a := range add {
		if _, err := ip(ctx, "addr", "add", a.String()+"/32", "dev", l.name); err != nil {
			return err
		}
	}
	return nil
}

func (l link) addresses(ctx context.Context) ([]netip.Addr, error) {
	out, err := ip(ctx, "-json", "-4", "addr", "show", "dev", l.name)
	if err != nil {
		return nil, err
	}
	return parseAddresses([]byte(out))
}

// parseAddresses reads `ip -json addr show`.
func parseAddresses(data []byte) ([]netip.Addr, error) {
	var links []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(data, &links); err != nil {
		return nil, fmt.Errorf("read the addresses of the node: %w", err)
	}
	var addrs []netip.Addr
	for _, l := range links {
		for _, a := range l.Addresses {
			addrs = append(addrs, a.Local)
		}
	}
	return addrs, nil
}

func ip(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
