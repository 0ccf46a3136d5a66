package cli

import (
	"fmt"
	"sync"
	"time"

	"rehome.dev/rehome/internal/sweep"
)

// scanning tells on a terminal how far a scan is, once that has taken a second.
type scanning struct {
	p       *Program
	mu      sync.Mutex
	next    time.Time
	inPlace bool
	over    bool
}

func (p *Program) scanProgress() *scanning {
	return &scanning{p: p, next: p.now().Add(time.Second)}
}

func (s *scanning) at(now sweep.Progress) {
	if !s.p.Terminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.p.now().Before(s.next) {
		return
	}
	s.next = s.p.now().Add(200 * time.Millisecond)
	text := fmt.Sprintf("%s, %s: %s", count(now.Files, "file", "files"), size(now.Bytes), visible(now.At))
	fmt.Fprintf(s.p.Stderr, "\r\x1b[K%s", cut(text, s.p.Width))
	s.inPlace = true
}

func (s *scanning) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.inPlace {
		fmt.Fprint(s.p.Stderr, "\r\x1b[K")
	}
}
