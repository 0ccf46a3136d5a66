package forward

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// A session is a client's connection and, where there is one, that to its target.
type session struct {
	client net.Conn
	server atomic.Pointer[led]
	last   atomic.Int64 // when bytes went through, in nanoseconds since 1970
}

func (s *session) touch() { s.last.Store(time.Now().UnixNano()) }

// cut ends both connections so that neither peer takes its own for finished.
func (s *session) cut() {
	cut(s.client)
	if server := s.server.Load(); server != nil {
		server.cut()
	}
}

func (f *Forwarder) begin(client net.Conn) *session {
	s := &session{client: client}
	s.touch()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[s] = struct{}{}
	return s
}

// finished gives its place to the next connection. A session is finished once.
func (f *Forwarder) finished(s *session) {
	f.mu.Lock()
	_, is := f.sessions[s]
	delete(f.sessions, s)
	f.mu.Unlock()
	if is {
		<-f.slots
	}
}

func (f *Forwarder) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions)
}

// cutAll ends what is still open, and gives how many that were.
func (f *Forwarder) cutAll() int { return f.cutIf(func(*session) bool { return true }) }

func (f *Forwarder) cutIf(which func(*session) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for s := range f.sessions {
		if which(s) {
			s.cut()
			n++
		}
	}
	return n
}

// sweep ends connections that have been silent for too long, half of an eighth of
// that time late on average.
func (f *Forwarder) sweep(ctx context.Context) {
	for pause(ctx, max(f.settings.Idle/8, time.Millisecond)) {
		before := time.Now().Add(-f.settings.Idle).UnixNano()
		f.cutIf(func(s *session) bool { return s.last.Load() < before })
	}
}
