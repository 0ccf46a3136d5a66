package forward

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// noDeadline takes a deadline away.
var noDeadline time.Time

// A Forwarder carries out the routes of its settings, once.
type Forwarder struct {
	settings Settings
	id       string // of this process
	mark     string // of all that stand for one another

	ports    []*port
	status   net.Listener // nil is off
	slots    chan struct{}
	draining atomic.Bool

	mu       sync.Mutex
	sessions map[*session]struct{}
}

// Run leads connections on until stop is closed and what was open has ended, or ctx
// ends, which ends everything at once. An error is one of listening or of the settings:
// what happens to connections and targets is told by the status.
func Run(ctx context.Context, s Settings, stop <-chan struct{}) error {
	f, err := open(ctx, s)
	if err != nil {
		return err
	}
	return f.run(ctx, stop)
}

// open listens at all addresses, and connects to nothing.
func open(ctx context.Context, s Settings) (*Forwarder, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Resolver == nil {
		s.Resolver = net.DefaultResolver
	}
	id := rand.Text()[:12]
	f := &Forwarder{settings: s, id: id, mark: id, slots: make(chan struct{}, bounded(s.MaxConnections, s.say)), sessions: map[*session]struct{}{}}
	if s.Name != "" {
		f.mark = s.Name + "." + s.LeadsTo
	}
	for _, r := range s.Routes {
		if err := f.listen(ctx, r); err != nil {
			f.close()
			return nil, err
		}
	}
	for _, p := range f.ports {
		if err := p.pool.refresh(); err != nil { // addresses that are written down; names come later
			f.close()
			return nil, err
		}
	}
	if s.Status == "off" {
		return f, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Status)
	if err != nil {
		f.close()
		return nil, listening("listen for the status", err)
	}
	f.status = l
	f.heard(l)
	return f, nil
}

func (f *Forwarder) listen(ctx context.Context, r Route) error {
	reach, err := newReacher(r, f.mark)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", r.Listen)
	if err != nil {
		return listening("listen", err)
	}
	p := &port{f: f, route: r, listener: l, address: l.Addr().String()}
	r.Listen = p.address
	p.pool = newPool(r, f.settings, reach, f.own)
	if r.Scheme.requests() {
		p.http = newRequests(p)
	}
	f.ports = append(f.ports, p)
	f.heard(l)
	return nil
}

// ErrTaken: somebody else listens there.
var ErrTaken = errors.New("the port is taken")

func listening(op string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w: %w", op, ErrTaken, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (f *Forwarder) heard(l net.Listener) {
	if f.settings.Control != nil {
		f.settings.Control(l.Addr())
	}
}

func (f *Forwarder) close() {
	for _, p := range f.ports {
		_ = p.listener.Close()
	}
}

// own says whether an address is one at which this process listens.
func (f *Forwarder) own(a netip.AddrPort) bool {
	for _, p := range f.ports {
		at := p.listener.Addr().(*net.TCPAddr).AddrPort()
		if at.Port() == a.Port() && covers(at.Addr().Unmap(), a.Addr()) {
			return true
		}
	}
	return false
}

// covers says whether who listens at an address hears what is sent to another.
func covers(listening, a netip.Addr) bool {
	return listening == a || listening.IsUnspecified() && here(a)
}

// here says whether an address is one of this machine's.
func here(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(one net.Addr) bool {
		prefix, err := netip.ParsePrefix(one.String())
		return err == nil && prefix.Addr().Unmap() == a.WithZone("")
	})
}

// run serves, drains and ends.
func (f *Forwarder) run(ctx context.Context, stop <-chan struct{}) error {
	work, end := context.WithCancel(ctx)
	defer end()
	var background sync.WaitGroup
	status := f.serveStatus(&background)
	for _, p := range f.ports {
		background.Go(func() { p.keepUp(work) })
		background.Go(func() { p.serve(work) })
		if p.http != nil {
			background.Go(p.http.serve)
		}
		f.settings.say("%s leads to %s", p.address, p.leads())
	}
	background.Go(func() { f.sweep(work) })
	select {
	case <-ctx.Done():
	case <-stop:
		f.drain(ctx)
	}
	f.close()
	end()
	if n := f.cutAll(); n > 0 {
		f.settings.say("%d connections were cut", n)
	}
	for _, p := range f.ports {
		p.http.close()
	}
	if status != nil {
		_ = status.Close()
	}
	background.Wait()
	return nil
}

// drain says to the world not to be ready, goes on accepting until that is heard, and
// then waits for open connections, bounded.
func (f *Forwarder) drain(ctx context.Context) {
	f.draining.Store(true)
	f.settings.say("ending: accepting for %s more, then waiting %s at most for open connections", f.settings.Linger, f.settings.Drain)
	if !pause(ctx, f.settings.Linger) {
		return
	}
	f.close()
	within, cancel := context.WithTimeout(ctx, f.settings.Drain)
	defer cancel()
	for _, p := range f.ports {
		p.http.finish(within)
	}
	for f.open() > 0 && pause(within, drainLook) {
	}
}

// drainLook is how often open connections are counted while they are waited for.
const drainLook = 20 * time.Millisecond

// pause waits, and says whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// serveStatus gives nil where no status is asked for.
func (f *Forwarder) serveStatus(background *sync.WaitGroup) *http.Server {
	if f.status == nil {
		return nil
	}
	server := &http.Server{Handler: f.Status(), ReadHeaderTimeout: statusTime, WriteTimeout: statusTime, IdleTimeout: time.Minute}
	background.Go(func() {
		if err := server.Serve(f.status); !errors.Is(err, http.ErrServerClosed) {
			f.settings.say("the status is not served any more: %v", err)
		}
	})
	return server
}

const statusTime = 10 * time.Second
