package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrNoSystemd says that systemd cannot be asked on this machine.
var ErrNoSystemd = errors.New("systemd cannot be asked")

// patience bounds one call of systemctl.
const patience = 10 * time.Second

// Properties are what systemctl show prints of one unit; a property may have
// several values.
type Properties map[string][]string

// First is the first value of a property, "" without one.
func (p Properties) First(name string) string {
	if len(p[name]) == 0 {
		return ""
	}
	return p[name][0]
}

// Show asks for the properties of one unit. A unit that does not exist has them
// too: LoadState=not-found. Times are in UTC.
func Show(ctx context.Context, name string) (Properties, error) {
	all, err := show(ctx, "--", name)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Sockets are the socket units that listen, with Id, Listen and Triggers.
func Sockets(ctx context.Context) ([]Properties, error) {
	return show(ctx, "--property=Id,Listen,Triggers", "--", "*.socket")
}

func show(ctx context.Context, args ...string) ([]Properties, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path, err := exec.LookPath("systemctl")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no systemctl", ErrNoSystemd)
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"show", "--no-pager"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("systemctl show: %w", ctx.Err())
		}
		why, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("%w: systemctl show: %s", ErrNoSystemd, why)
	}
	return parse(out.String()), nil
}

// parse reads the output of systemctl show; units are set apart by an empty line.
func parse(text string) []Properties {
	all := []Properties{{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			if len(all[len(all)-1]) > 0 {
				all = append(all, Properties{})
			}
			continue
		}
		// A line that is no property continues a value that has line breaks; it may
		// be of a secret, and nothing that is judged needs it.
		key, value, ok := strings.Cut(line, "=")
		if !ok || !property(key) {
			continue
		}
		p := all[len(all)-1]
		p[key] = append(p[key], value)
	}
	if len(all) > 1 && len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	return all
}

// property tells UMask and ExecStart from DB_PASSWORD: systemd's names are made of
// letters and digits, with a small one among them; UID and GID are the exceptions.
func property(key string) bool {
	small := key == "UID" || key == "GID"
	for i, r := range key {
		switch {
		case r >= 'A' && r <= 'Z', i > 0 && r >= '0' && r <= '9':
		case i > 0 && r >= 'a' && r <= 'z':
			small = true
		default:
			return false
		}
	}
	return small && key[0] >= 'A' && key[0] <= 'Z'
}
