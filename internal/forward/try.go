package forward

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Try looks up all names and tries each target once, as a check does, and listens
// nowhere. An error is one of the settings.
func Try(ctx context.Context, s Settings) ([]RouteReport, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Resolver == nil {
		s.Resolver = net.DefaultResolver
	}
	var out []RouteReport
	for _, r := range s.Routes {
		reach, err := newReacher(r, "")
		if err != nil {
			return nil, err
		}
		p := &port{route: r, address: r.Listen, pool: newPool(r, s, reach, func(a netip.AddrPort) bool {
			return listens(r.Listen, a)
		})}
		if err := p.pool.resolve(ctx); err != nil {
			return nil, err
		}
		p.pool.check(ctx)
		out = append(out, p.report())
	}
	return out, nil
}

// listens says whether a listening address as it is written is one that means a.
func listens(text string, a netip.AddrPort) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || port != fmt.Sprint(a.Port()) {
		return false
	}
	at, err := netip.ParseAddr(host)
	return err != nil && here(a.Addr()) || err == nil && covers(at.Unmap(), a.Addr())
}
