package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A pool are the targets of a route, as its addresses and names give them by now.
type pool struct {
	route    Route
	resolver Resolver
	timeout  time.Duration // of one attempt
	reach    func(context.Context, *target, header) (net.Conn, error)
	own      func(netip.AddrPort) bool
	say      func(string, ...any)

	next atomic.Uint64 // whose turn it is

	mu       sync.Mutex
	targets  []*target               // those that are led to first
	answers  map[string]answer       // by name
	excluded map[netip.AddrPort]bool // since they lead back to here
}

func newPool(r Route, s Settings, reach reacher, own func(netip.AddrPort) bool) *pool {
	return &pool{route: r, resolver: s.Resolver, timeout: s.ConnectTimeout, reach: reach.reach, own: own, say: s.say,
		answers: map[string]answer{}, excluded: map[netip.AddrPort]bool{}}
}

// answer is the last good one of a name.
type answer struct {
	addresses []netip.Addr
	at        time.Time
	failing   bool
}

var (
	// ErrSelf: a route leads to where the forwarder listens itself.
	ErrSelf     = errors.New("the route leads to the forwarder itself")
	errNoTarget = errors.New("there is no target")
)

// resolveFor bounds a look at one name.
const resolveFor = 5 * time.Second

// resolve brings the targets up to date. It fails only where an address that was
// written down leads back to here; a name that has no answer keeps its last one.
func (p *pool) resolve(ctx context.Context) error {
	answers := p.ask(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, a := range answers {
		last := p.answers[name]
		switch {
		case !a.failing:
			if last.failing {
				p.say("%s: %s has addresses again", p.route.Listen, name)
			}
			last = a
		case !last.failing:
			p.say("%s: %s cannot be resolved; %d addresses of its last answer are kept", p.route.Listen, name, len(last.addresses))
			last.failing = true
		}
		p.answers[name] = last
	}
	return p.refresh()
}

// ask looks all names up at once.
func (p *pool) ask(ctx context.Context) map[string]answer {
	var mu sync.Mutex
	var all sync.WaitGroup
	answers := map[string]answer{}
	for _, t := range p.route.Targets {
		if _, is := t.address(); is {
			continue
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, resolveFor)
			defer cancel()
			found, err := p.resolver.LookupNetIP(ctx, "ip", t.Host)
			mu.Lock()
			defer mu.Unlock()
			answers[t.Host] = answer{found, time.Now(), err != nil || len(found) == 0}
		})
	}
	all.Wait()
	return answers
}

// refresh makes the targets anew; those that stay keep what is known of them.
func (p *pool) refresh() error {
	known := map[netip.AddrPort]*target{}
	for _, t := range p.targets {
		known[t.address] = t
	}
	var targets []*target
	add := func(at netip.AddrPort, of HostPort) {
		if slices.ContainsFunc(targets, func(t *target) bool { return t.address == at }) || len(targets) == mostTargets {
			return
		}
		t := known[at]
		if t == nil {
			t = &target{address: at, of: of}
		}
		t.gone.Store(false)
		targets = append(targets, t)
	}
	for _, h := range p.route.Targets {
		if at, is := h.address(); is {
			if p.own(at) {
				return fmt.Errorf("%s: %s: %w", p.route.Listen, at, ErrSelf)
			}
			add(at, h)
			continue
		}
		for _, a := range p.answers[h.Host].addresses {
			at := netip.AddrPortFrom(a.Unmap(), h.Port)
			if p.own(at) {
				if !p.excluded[at] {
					p.say("%s: %s is %s, which is here: it is left out", p.route.Listen, h, at)
				}
				p.excluded[at] = true
				continue
			}
			delete(p.excluded, at)
			add(at, h)
		}
	}
	for _, t := range p.targets {
		if !slices.Contains(targets, t) && t.open.Load() > 0 {
			t.gone.Store(true)
			targets = append(targets, t)
		}
	}
	p.targets = targets
	return nil
}

// all are the targets, those last that only have connections left.
func (p *pool) all() []*target {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.targets)
}

// led are the targets that may get connections, in turn, those first that are up.
func (p *pool) led() []*target {
	p.mu.Lock()
	defer p.mu.Unlock()
	var up, down []*target
	for _, t := range p.targets {
		if t.gone.Load() {
			continue
		}
		if is, _ := t.state(); is {
			up = append(up, t)
		} else {
			down = append(down, t)
		}
	}
	turn := int(p.next.Add(1) - 1)
	return append(turned(up, turn), turned(down, turn)...)
}

func turned(list []*target, by int) []*target {
	if len(list) == 0 {
		return nil
	}
	by %= len(list)
	return slices.Concat(list[by:], list[:by])
}

// leadsTo says whether an address is a target's.
func (p *pool) leadsTo(a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.targets, func(t *target) bool { return !t.gone.Load() && t.address.Addr() == a })
}

// mostAttempts bounds how long a client waits while all targets are silent.
const mostAttempts = 4

// connect reaches the next target, or one after it where that takes no connection.
// The connection counts as open until it is closed.
func (p *pool) connect(ctx context.Context, client header) (*led, error) {
	err := errNoTarget
	for i, t := range p.led() {
		if i == mostAttempts || ctx.Err() != nil {
			break
		}
		var conn net.Conn
		if conn, err = p.try(ctx, t, client); err == nil {
			t.total.Add(1)
			t.open.Add(1)
			return &led{Conn: conn, to: t}, nil
		}
		t.failed.Add(1)
	}
	return nil, err
}

// try is one attempt, and notes how it went.
func (p *pool) try(ctx context.Context, t *target, client header) (net.Conn, error) {
	within, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, err := p.reach(within, t, client)
	switch {
	case err == nil && t.succeeded():
		p.say("%s: %s takes connections", p.route.Listen, t.address)
	case err != nil && ctx.Err() == nil && t.failedWith(err):
		p.say("%s: %s takes no connections: %v", p.route.Listen, t.address, err)
	}
	return conn, err
}

// check tries all targets at once, and hangs up.
func (p *pool) check(ctx context.Context) { p.checkIf(ctx, func(*target) bool { return true }) }

func (p *pool) checkIf(ctx context.Context, which func(*target) bool) {
	var all sync.WaitGroup
	for _, t := range p.all() {
		if !which(t) {
			continue
		}
		all.Go(func() {
			if conn, err := p.try(ctx, t, header{}); err == nil {
				_ = conn.Close()
			}
		})
	}
	all.Wait()
}

// ready is empty where a target takes connections, else why none does.
func (p *pool) ready() string {
	why := "no address of it is known"
	for _, t := range p.all() {
		if t.gone.Load() {
			continue
		}
		up, said := t.state()
		if up {
			return ""
		}
		why = t.address.String() + ": " + said
	}
	return p.route.Listen + " leads nowhere: " + why
}

// led is a connection to a target. Closing it twice counts once.
type led struct {
	net.Conn
	to     *target
	closed atomic.Bool
}

func (l *led) Close() error {
	if l.closed.CompareAndSwap(false, true) {
		l.to.open.Add(-1)
	}
	return l.Conn.Close()
}

// cut closes it so that the target does not take it for finished.
func (l *led) cut() {
	cut(l.Conn)
	_ = l.Close()
}
