package forward

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Where a forwarder leads, seen from the migration.
const (
	LeadsToOld = "old" // the way back: to the entry before the migration
	LeadsToNew = "new" // from a machine's port to the cluster
)

// A Resolver finds the addresses of names.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Settings are everything that a forwarder is told.
type Settings struct {
	Name    string // whose it is; the same in all that stand for one another
	LeadsTo string // LeadsToOld, LeadsToNew or nothing
	Status  string // where it tells of itself: address:port, or off
	Routes  []Route

	ConnectTimeout time.Duration // one attempt to reach a target, its TLS handshake included
	ResolveEvery   time.Duration
	CheckEvery     time.Duration // 0 is never
	Idle           time.Duration // without a byte in either direction
	MaxConnections int
	Linger         time.Duration // accepting on, after it was told to end
	Drain          time.Duration // then waiting for connections to end

	Version  string
	Resolver Resolver                 // nil is the system's
	Say      func(string, ...any)     // a line about what changed; nil is nobody
	Control  func(listening net.Addr) // called for each address listened on, the status last; nil is nobody
}

// Defaults are the settings that nobody has to give.
func Defaults() Settings {
	return Settings{
		Status: ":9180", ConnectTimeout: 2 * time.Second, ResolveEvery: 5 * time.Second, CheckEvery: 5 * time.Second,
		Idle: time.Hour, MaxConnections: 10000, Linger: 5 * time.Second, Drain: 20 * time.Second,
	}
}

// Flags declares the settings on a command line. The routes are its arguments.
func (s *Settings) Flags(set *flag.FlagSet) {
	set.StringVar(&s.Name, "name", s.Name, "whose forwarder it is, the same in all that stand for one another: the migration's name")
	set.StringVar(&s.LeadsTo, "leads-to", s.LeadsTo, "which side it leads to: old (the way back) or new (from a machine to the cluster)")
	set.StringVar(&s.Status, "status", s.Status, "address for /healthz, /readyz, /metrics and /status, or off")
	set.DurationVar(&s.ConnectTimeout, "connect-timeout", s.ConnectTimeout, "one attempt to reach a target, TLS included; then the next one is tried")
	set.DurationVar(&s.ResolveEvery, "resolve-every", s.ResolveEvery, "how often names are resolved; the last good answer is kept")
	set.DurationVar(&s.CheckEvery, "check-every", s.CheckEvery, "how often each target is tried; 0s is never")
	set.DurationVar(&s.Idle, "idle", s.Idle, "end a connection without a byte in either direction for so long")
	set.IntVar(&s.MaxConnections, "max-connections", s.MaxConnections, "most connections at a time; further ones wait to be accepted")
	set.DurationVar(&s.Linger, "linger", s.Linger, "when told to end, accept for so long while saying not to be ready")
	set.DurationVar(&s.Drain, "drain", s.Drain, "then give open connections so long")
}

// ErrSettings: what it was told makes no sense.
var ErrSettings = errors.New("that cannot be")

// check looks for what makes no sense.
func (s Settings) check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %w", ErrSettings, fmt.Errorf(format, args...))
	}
	switch {
	case len(s.Routes) == 0:
		return fail("there is no route")
	case s.LeadsTo != "" && s.LeadsTo != LeadsToOld && s.LeadsTo != LeadsToNew:
		return fail("it leads to %s or %s, not to %q", LeadsToOld, LeadsToNew, s.LeadsTo)
	case len(s.Name) > 253 || !token(s.Name):
		return fail("%q is no name: letters, digits, dots and hyphens, 253 at most", s.Name)
	case s.MaxConnections < 1:
		return fail("it takes at least one connection, not %d", s.MaxConnections)
	}
	for name, d := range map[string]time.Duration{"connect-timeout": s.ConnectTimeout, "resolve-every": s.ResolveEvery, "idle": s.Idle} {
		if d <= 0 {
			return fail("%s is more than nothing, not %s", name, d)
		}
	}
	for name, d := range map[string]time.Duration{"check-every": s.CheckEvery, "linger": s.Linger, "drain": s.Drain} {
		if d < 0 {
			return fail("%s is not less than nothing: %s", name, d)
		}
	}
	return nil
}

// token takes names that may stand in headers and labels as they are.
func token(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '.' && r != '_'
	})
}

func (s Settings) say(format string, args ...any) {
	if s.Say != nil {
		s.Say(format, args...)
	}
}
