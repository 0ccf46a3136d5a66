package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A port is one listening address with what came of its connections.
type port struct {
	f        *Forwarder
	route    Route
	listener net.Listener
	address  string
	pool     *pool
	http     *requests // nil where bytes are led on

	open, accepted, fromTarget atomic.Int64
	refused                    [reasons]atomic.Int64
}

// Why a connection was not led on.
const (
	refusedNoTarget = iota
	refusedLoop
	refusedHeader
	refusedLimit // it had to wait
	reasons
)

var reasonNames = [reasons]string{"no_target", "loop", "proxy_header", "limit"}

// headerFor is how long a client may take to send its PROXY header.
const headerFor = 5 * time.Second

func (p *port) leads() string {
	_, to, _ := strings.Cut(p.route.String(), "=")
	return to
}

// keepUp resolves and checks until ctx ends; the first time at once. An address that is
// new is tried when it is found, so that it counts as soon as it could.
func (p *port) keepUp(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	every := p.f.settings.CheckEvery
	if every > 0 {
		all.Go(func() {
			for pause(ctx, every) {
				p.pool.check(ctx)
			}
		})
	}
	for again := true; again; again = pause(ctx, p.f.settings.ResolveEvery) {
		if err := p.pool.resolve(ctx); err != nil {
			p.f.settings.say("%v", err)
		}
		if every > 0 {
			p.pool.checkIf(ctx, (*target).untried)
		}
	}
}

// serve accepts until the listener is closed. Where all places are taken, the one that
// was accepted last waits for one, and the others in the kernel's queue.
func (p *port) serve(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !pause(ctx, acceptAgain) {
				return
			}
			continue
		}
		if !p.place(ctx) {
			cut(conn)
			return
		}
		s := p.f.begin(conn)
		p.accepted.Add(1)
		go p.lead(ctx, s)
	}
}

// place waits for one among the connections that may be open.
func (p *port) place(ctx context.Context) bool {
	select {
	case p.f.slots <- struct{}{}:
		return true
	default:
	}
	p.refused[refusedLimit].Add(1)
	select {
	case p.f.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// acceptAgain is the pause after a failure, which is for want of file descriptors.
const acceptAgain = 50 * time.Millisecond

// lead brings one connection to its end, or hands it on as one of requests.
func (p *port) lead(ctx context.Context, s *session) {
	p.open.Add(1)
	from, err := p.begun(s)
	switch {
	case errors.Is(err, errLoop):
		p.refused[refusedLoop].Add(1)
	case err != nil:
		p.refused[refusedHeader].Add(1)
	case p.http != nil:
		p.http.take(s, from)
		return
	default:
		err = p.join(ctx, s, from)
	}
	if err != nil {
		s.cut()
	}
	p.ended(s)
}

func (p *port) ended(s *session) {
	p.open.Add(-1)
	p.f.finished(s)
}

var errLoop = errors.New("the connection has been here before")

// begun finds between whom the connection is: from its PROXY header, or its own ends.
func (p *port) begun(s *session) (header, error) {
	own := header{source: ends(s.client.RemoteAddr()), destination: ends(s.client.LocalAddr())}
	if p.pool.leadsTo(own.source.Addr()) {
		p.fromTarget.Add(1)
	}
	if !p.route.Accept {
		return own, nil
	}
	if err := s.client.SetReadDeadline(time.Now().Add(headerFor)); err != nil {
		return own, err
	}
	h, err := readHeader(s.client)
	switch {
	case err != nil:
		return own, err
	case h.marked(p.f.mark):
		return own, errLoop
	}
	if !h.known() {
		h.source, h.destination = own.source, own.destination
	}
	return h, s.client.SetReadDeadline(noDeadline)
}

// join leads the bytes of a connection both ways. It gives an error where the client's
// connection must not look finished.
func (p *port) join(ctx context.Context, s *session, from header) error {
	server, err := p.pool.connect(ctx, from)
	if err != nil {
		p.refused[refusedNoTarget].Add(1)
		return fmt.Errorf("reach a target: %w", err)
	}
	defer server.Close()
	s.server.Store(server)
	if ctx.Err() != nil { // whoever cuts what is open may not have seen it
		return ctx.Err()
	}
	back := make(chan error, 1)
	go func() {
		back <- p.oneWay(s, s.client, server.Conn, &server.to.toClient)
	}()
	err = p.oneWay(s, server.Conn, s.client, &server.to.toTarget)
	err = errors.Join(err, <-back)
	if err == nil {
		_ = s.client.Close()
	}
	return err
}

// oneWay leads one direction to its end. An error there ends the other one too.
func (p *port) oneWay(s *session, dst, src net.Conn, count *atomic.Int64) error {
	err := pump(dst, src, func(n int64) {
		count.Add(n)
		s.touch()
	})
	if err == nil {
		err = halfClose(dst)
	}
	if err != nil {
		await(s.client)
		s.cut()
	}
	return err
}
