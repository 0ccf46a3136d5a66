package accesslog

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"rehome.dev/rehome/internal/accesslog"
)

const (
	// longestHead is how much of a first line tells one log from the next.
	longestHead = 4096
	// glance is how many lines the format is told from.
	glance = 50
	// mostRotated is how far back rotated logs are looked for.
	mostRotated = 60
)

// log is one log under its rotations.
type log struct {
	place place
	q     query
	// generations begin with the oldest that is counted; the last is written to.
	generations []*generation
}

// generation is one file from its first line to its rotation. Its first line
// names it, whatever the file is called and whether it is compressed.
type generation struct {
	head    string
	begun   time.Time
	offset  int64 // of the first line that is not counted
	parser  accesslog.Parser
	counted counts
}

var errNotWhole = errors.New("has no whole line")

// follow counts what was written since the last time. The file that was rotated
// last is counted with the one that is written to, also the first time: whoever
// begins again then finds the same series with the same counts.
func (s *Source) follow(ctx context.Context, l *log) error {
	head, err := s.head(ctx, l.place, l.place.file)
	if errors.Is(err, errNotWhole) || errors.Is(err, fs.ErrNotExist) && len(l.generations) > 0 {
		head, err = "", nil // just rotated, and nothing written yet
	}
	if err != nil {
		return err
	}
	if last := l.last(); last == nil || head != last.head {
		if err := s.rotated(ctx, l, head); err != nil {
			return err
		}
	}
	if head == "" {
		return nil
	}
	return s.readOn(ctx, l, l.last(), l.place.file)
}

func (l *log) last() *generation {
	if len(l.generations) == 0 {
		return nil
	}
	return l.generations[len(l.generations)-1]
}

// rotated finds what became of the file that was written to, counts the rest of
// it and everything that was rotated since, and begins the new one.
func (s *Source) rotated(ctx context.Context, l *log, head string) error {
	type found struct{ name, head string }
	var missed []found
	last := l.last()
	for i := 1; i <= mostRotated; i++ {
		name, h, err := s.older(ctx, l.place, i)
		if errors.Is(err, fs.ErrNotExist) {
			if last == nil {
				break
			}
			if head == "" && len(missed) == 0 {
				return fmt.Errorf("%s: %w", l.place, fs.ErrNotExist)
			}
			return fmt.Errorf("%s was rotated, and its former content is nowhere", l.place)
		}
		if err != nil {
			return err
		}
		missed = append(missed, found{name, h})
		if last == nil || h == last.head {
			break
		}
	}
	for i := len(missed) - 1; i >= 0; i-- {
		g := last
		if g == nil || missed[i].head != g.head {
			g = &generation{head: missed[i].head}
		}
		if err := s.readOn(ctx, l, g, missed[i].name); err != nil {
			return err
		}
		if g != last {
			l.generations = append(l.generations, g)
		}
	}
	if head != "" {
		l.generations = append(l.generations, &generation{head: head})
	}
	return nil
}

// older is the name of the i-th rotated log, compressed or not, and its first line.
func (s *Source) older(ctx context.Context, p place, i int) (string, string, error) {
	for _, end := range []string{"", ".gz"} {
		name := fmt.Sprintf("%s.%d%s", p.file, i, end)
		head, err := s.head(ctx, p, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return name, head, err
		}
	}
	return "", "", fmt.Errorf("%s.%d: %w", p, i, fs.ErrNotExist)
}

// head is a digest of the first line.
func (s *Source) head(ctx context.Context, p place, name string) (string, error) {
	r, closing, err := s.open(ctx, p, name, 0, longestHead)
	if err != nil {
		return "", err
	}
	defer closing()
	line, err := bufio.NewReader(io.LimitReader(r, longestHead)).ReadString('\n')
	if err != nil && len(line) < longestHead {
		if !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read %s: %w", p, err)
		}
		return "", fmt.Errorf("%s %w", p, errNotWhole)
	}
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:4]), nil
}

// open opens a log from a byte of its content on, compressed or not: all of it, or
// at least the first bytes of it.
func (s *Source) open(ctx context.Context, p place, name string, offset, most int64) (io.Reader, func(), error) {
	packed := strings.HasSuffix(name, ".gz")
	from := offset
	if packed {
		from, most = 0, 0
	}
	f, err := s.Open(ctx, p.host, name, from, most)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", place{p.host, name}, err)
	}
	closing := func() { _ = f.Close() }
	if !packed {
		return f, closing, nil
	}
	z, err := gzip.NewReader(f)
	if err == nil {
		_, err = io.CopyN(io.Discard, z, offset)
	}
	if err != nil {
		closing()
		return nil, nil, fmt.Errorf("unpack %s: %w", place{p.host, name}, err)
	}
	return z, closing, nil
}

// readOn counts the lines of a generation that are not counted yet. Where the file
// turns out to be another one by then, nothing is counted.
func (s *Source) readOn(ctx context.Context, l *log, g *generation, name string) error {
	before, offset := g.counted.clone(), g.offset
	err := s.scan(ctx, l.place, name, g, func(e accesslog.Entry, ok bool) {
		if g.begun.IsZero() && ok {
			g.begun = e.At
		}
		g.counted.take(e, ok, l.q, s.edges)
	})
	if g.offset > offset {
		if head, again := s.head(ctx, l.place, name); again == nil && head != g.head {
			g.counted, g.offset = before, offset
			return fmt.Errorf("%s was rotated this moment", l.place)
		}
	}
	if err != nil {
		return err
	}
	if c := g.counted; c.strange > 20 && c.strange > c.lines/10 {
		return fmt.Errorf("%s: %d of %d lines cannot be read", l.place, c.strange, c.lines)
	}
	return nil
}

// scan goes through the lines from the generation's offset on and moves it. A
// line without its end is not there yet.
func (s *Source) scan(ctx context.Context, p place, name string, g *generation, each func(accesslog.Entry, bool)) error {
	r, closing, err := s.open(ctx, p, name, g.offset, 0)
	if err != nil {
		return err
	}
	defer closing()
	lines := bufio.NewReaderSize(r, 1<<17)
	if g.parser.Format == "" {
		if err := s.detect(lines, p, g, each); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return fmt.Errorf("%s: %d MiB are read, and not all: %w", p, g.offset>>20, ctx.Err())
		}
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		g.offset += int64(len(line))
		each(g.parser.Parse(line))
	}
}

// detect tells the format from the first lines and counts them.
func (s *Source) detect(lines *bufio.Reader, p place, g *generation, each func(accesslog.Entry, bool)) error {
	var first []string
	for len(first) < glance {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return fmt.Errorf("read %s: %w", p, err)
			}
			break
		}
		first = append(first, line)
	}
	parser, ok := accesslog.Detect(first, s.server, s.zone)
	if !ok {
		return fmt.Errorf("%s is no access log of a known format", p)
	}
	if s.unit != 0 {
		parser.Unit = s.unit
	}
	g.parser = parser
	for _, line := range first {
		g.offset += int64(len(line))
		each(parser.Parse(line))
	}
	return nil
}
