package part

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress writes one line per thing that happened, with the seconds since the
// start and the part's name. It may be used by many goroutines.
type Progress struct {
	mu      sync.Mutex
	w       io.Writer
	start   time.Time
	now     func() time.Time
	verbose bool
}

// NewProgress starts the clock. With verbose, Detail is shown too.
func NewProgress(w io.Writer, verbose bool) *Progress {
	return &Progress{w: w, start: time.Now(), now: time.Now, verbose: verbose}
}

// Say reports a milestone of a part.
func (p *Progress) Say(part, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := p.now().Sub(p.start).Seconds()
	fmt.Fprintf(p.w, "%6.1fs  %-11s %s\n", elapsed, part, fmt.Sprintf(format, args...))
}

// Detail reports what only a person who looks for a fault wants to see.
func (p *Progress) Detail(part, format string, args ...any) {
	if p.verbose {
		p.Say(part, format, args...)
	}
}

// Elapsed is the time since NewProgress.
func (p *Progress) Elapsed() time.Duration { return p.now().Sub(p.start) }
