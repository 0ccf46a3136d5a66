package ask

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns"
)

// Port is where name servers listen unless something else is said.
const Port = 53

// SplitAddress takes "host", "host:port" or "[v6]:port" apart; host is an address
// or a name.
func SplitAddress(text string) (host string, port uint16, err error) {
	bare := text
	if inner, ok := strings.CutPrefix(text, "["); ok {
		bare, _ = strings.CutSuffix(inner, "]")
		if bare == inner {
			bare = text // "[::1]:53" or an opening bracket without its other half
		}
	}
	if ip, err := netip.ParseAddr(bare); err == nil && !strings.ContainsFunc(ip.Zone(), notInHostName) {
		return ip.String(), Port, nil
	}
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = text, strconv.Itoa(Port)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q has no port between 1 and 65535 behind the colon", text)
	}
	if ip, err := netip.ParseAddr(host); err == nil && !strings.ContainsFunc(ip.Zone(), notInHostName) {
		return ip.String(), uint16(n), nil
	}
	if _, ok := miekg.IsDomainName(host); !ok || host == "" || strings.ContainsFunc(host, notInHostName) {
		return "", 0, fmt.Errorf("%q is not an address or a host name, with or without a port", text)
	}
	return host, uint16(n), nil
}

// notInHostName goes by RFC 1123, section 2.1, and lets the underscore pass, which
// some have.
func notInHostName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// Resolve gives each address of each listed server, in the list's order. A name
// without an address is a Server with Err.
func Resolve(ctx context.Context, list []string) []Server {
	found := make([][]Server, len(list))
	var wait sync.WaitGroup
	for i, text := range list {
		wait.Go(func() {
			host, port, err := SplitAddress(text)
			if err != nil {
				found[i] = []Server{{Name: text, Err: err}}
				return
			}
			found[i] = lookup(ctx, host, port)
		})
	}
	wait.Wait()
	return slices.Concat(found...)
}

func lookup(ctx context.Context, host string, port uint16) []Server {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []Server{{Name: host, Address: netip.AddrPortFrom(ip, port)}}
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return []Server{{Name: host, Err: fmt.Errorf("look up the name server's address: %w", err)}}
	}
	return addressed(host, ips, port)
}

func addressed(host string, ips []netip.Addr, port uint16) []Server {
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	var out []Server
	for _, ip := range slices.Compact(ips) {
		out = append(out, Server{Name: host, Address: netip.AddrPortFrom(ip, port)})
	}
	return out
}

// Discover asks the primary for the zone's NS set and looks up each server's
// addresses: at the primary where it has them, else with the system's resolver.
// All are expected at port. An error means that the NS set is not known.
func (c Client) Discover(ctx context.Context, primary Server, zone string, port uint16) ([]Server, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	apex, err := dns.Name(zone)
	if err != nil {
		return nil, fmt.Errorf("find the zone's name servers: %w", err)
	}
	if primary.Err != nil {
		return nil, fmt.Errorf("find the name servers of %s: %w", apex, primary.Err)
	}
	records, err := c.answer(ctx, primary.Address, apex, miekg.TypeNS)
	if err != nil {
		return nil, fmt.Errorf("find the name servers of %s at %s: %w", apex, primary.Address, err)
	}
	var names []string
	for _, rr := range records {
		if ns, ok := rr.(*miekg.NS); ok {
			names = append(names, miekg.CanonicalName(ns.Ns))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("find the name servers of %s at %s: it has no NS records", apex, primary.Address)
	}
	slices.Sort(names)
	found := make([][]Server, len(names))
	var wait sync.WaitGroup
	for i, n := range names {
		wait.Go(func() { found[i] = c.addresses(ctx, primary, apex, n, port) })
	}
	wait.Wait()
	return slices.Concat(found...), nil
}

func (c Client) addresses(ctx context.Context, primary Server, zone, host string, port uint16) []Server {
	if !miekg.IsSubDomain(zone, host) {
		return lookup(ctx, host, port)
	}
	v4, err4 := c.answer(ctx, primary.Address, host, miekg.TypeA)
	v6, err6 := c.answer(ctx, primary.Address, host, miekg.TypeAAAA)
	if errors.Is(err4, errNoAuthority) && errors.Is(err6, errNoAuthority) {
		return lookup(ctx, host, port) // the host's name is in a zone delegated from here
	}
	if err := errors.Join(err4, err6); err != nil {
		return []Server{{Name: host, Err: err}} // half of the addresses would hide a server
	}
	var ips []netip.Addr
	for _, rr := range slices.Concat(v4, v6) {
		switch r := rr.(type) {
		case *miekg.A:
			if ip, ok := netip.AddrFromSlice(r.A); ok {
				ips = append(ips, ip)
			}
		case *miekg.AAAA:
			if ip, ok := netip.AddrFromSlice(r.AAAA); ok {
				ips = append(ips, ip)
			}
		}
	}
	if len(ips) == 0 {
		return []Server{{Name: host, Err: fmt.Errorf("the zone has no address for its name server %s", host)}}
	}
	return addressed(host, ips, port)
}
