package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// job is one text to look at. Where only a part of it counts, keep says whether what
// stands on these lines does.
type job struct {
	name, format, commit string
	open                 func() (io.ReadCloser, error)
	keep                 func(first, last int) bool
}

// pool looks at texts at once, and puts what is found in the order in which they were
// added. Only one goroutine may add.
type pool struct {
	ctx      context.Context
	jobs     chan func()
	workers  sync.WaitGroup
	progress func(Progress)
	judge    func(ctx context.Context, path string, r io.Reader) (seen, error)
	open     []io.Closer

	mu      sync.Mutex
	pending []*entry // what has been added, as far as it is not in the result
	result  Result
	at      Progress
}

// entry is what will be added to the result when its turn comes.
type entry struct {
	add   func(*Result)
	ready bool
}

func newPool(ctx context.Context, progress func(Progress)) *pool {
	p := &pool{ctx: ctx, jobs: make(chan func()), progress: progress, judge: look}
	for range runtime.GOMAXPROCS(0) {
		p.workers.Go(func() {
			for do := range p.jobs {
				do()
			}
		})
	}
	return p
}

// note adds to the result after everything that was added before.
func (p *pool) note(add func(*Result)) {
	e := &entry{add: add}
	p.queue(e)
	p.done(e)
}

func (p *pool) queue(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, e)
}

func (p *pool) done(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.ready = true
	for len(p.pending) > 0 && p.pending[0].ready {
		p.pending[0].add(&p.result)
		p.pending = p.pending[1:]
	}
}

// closeAtEnd closes what jobs read from when all of them are done.
func (p *pool) closeAtEnd(c io.Closer) { p.open = append(p.open, c) }

// add looks at a text as soon as somebody is free, and returns then.
func (p *pool) add(j job) { p.jobs <- p.work(j) }

// wait looks at a text that nobody may read from afterwards, and returns when it was.
func (p *pool) wait(j job) { p.work(j)() }

func (p *pool) work(j job) func() {
	e := &entry{}
	p.queue(e)
	return func() {
		s, err := seen{}, p.ctx.Err()
		if err == nil {
			s, err = p.look(j)
		}
		e.add = func(r *Result) { r.take(j, s, err) }
		p.done(e)
	}
}

// errDetector is said of a text on which a detector gave up. What it gave up with may
// hold a part of the text, and is not told.
var errDetector = errors.New("a detector failed on it: this is a mistake of the program")

func (p *pool) look(j job) (s seen, err error) {
	defer func() {
		if recover() != nil {
			s, err = seen{}, errDetector
		}
	}()
	in, err := j.open()
	if err != nil {
		return seen{}, fmt.Errorf("open it: %w", err)
	}
	defer in.Close()
	s, err = p.judge(p.ctx, j.format, &told{in, p, j.name})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at.Files++
	return s, err
}

// told is a reader that tells how far it is.
type told struct {
	r    io.Reader
	p    *pool
	name string
}

func (t *told) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.at.Bytes += int64(n)
	t.p.at.At = t.name
	if t.p.progress != nil {
		t.p.progress(t.p.at)
	}
	return n, err
}

// end waits for everything that was added.
func (p *pool) end() Result {
	close(p.jobs)
	p.workers.Wait()
	for _, c := range p.open {
		_ = c.Close() // it was only read
	}
	return p.result
}

// take adds what was seen of one text.
func (r *Result) take(j job, s seen, err error) {
	if err != nil {
		r.Faults = append(r.Faults, Fault{File: j.name, Reason: err.Error(), err: err})
		return
	}
	if s.binary {
		r.Skipped = append(r.Skipped, Skipped{j.name, "binary"})
		return
	}
	r.Files++
	r.Bytes += s.bytes
	for _, p := range s.places {
		if j.keep != nil && !j.keep(p.Line, max(p.Line, s.last[p.Line])) {
			continue
		}
		r.Findings = append(r.Findings, Finding{
			File: j.name, Line: p.Line, Column: p.Column, KeyPath: p.Key, Rule: p.Rule, Commit: j.commit, Doubtful: p.Doubtful,
		})
	}
}
