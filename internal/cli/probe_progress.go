package cli

import (
	"fmt"
	"sync"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// sampling tells on standard error how far a probe is: in place on a terminal,
// otherwise in a line now and then. A probe of less than a second says nothing.
type sampling struct {
	p     *Program
	began time.Time

	mu      sync.Mutex
	names   []string
	at      []inventory.Event // the last progress of each machine
	loaded  string
	next    time.Time
	inPlace bool
}

// sampling shows the progress of the machines with these names, one at least.
func (p *Program) sampling(names []string) *sampling {
	s := &sampling{p: p, began: p.now(), names: names, at: make([]inventory.Event, len(names))}
	s.next = s.began.Add(time.Second)
	return s
}

func (s *sampling) event(i int, e inventory.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Samples > 0 {
		s.at[i] = e
	}
	s.tell()
}

// load is how far the load is.
func (s *sampling) load(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = text
	s.tell()
}

func (s *sampling) tell() {
	now := s.p.now()
	if now.Before(s.next) {
		return
	}
	text := s.text()
	if s.p.Terminal {
		s.next = now.Add(200 * time.Millisecond)
		fmt.Fprintf(s.p.Stderr, "\r\x1b[K%s", cut(text, s.p.Width))
		s.inPlace = true
		return
	}
	s.next = now.Add(30 * time.Second)
	s.p.say("%s", text)
}

// text is how far the slowest machine is.
func (s *sampling) text() string {
	slow := 0
	for i, e := range s.at {
		if e.Samples < s.at[slow].Samples {
			slow = i
		}
	}
	text := s.names[0]
	if len(s.names) > 1 {
		text = fmt.Sprintf("%d machines, %s the slowest", len(s.names), s.names[slow])
	}
	if e := s.at[slow]; e.Samples > 0 {
		text += fmt.Sprintf(": sample %d of %d", e.Samples, e.Planned)
	} else {
		text += ": reaching it"
	}
	if s.loaded != "" {
		text += ", " + s.loaded
	}
	return text
}

func (s *sampling) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inPlace {
		fmt.Fprint(s.p.Stderr, "\r\x1b[K")
		s.inPlace = false
	}
}
