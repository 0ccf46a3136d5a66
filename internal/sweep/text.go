package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"rehome.dev/rehome/internal/scan"
	"rehome.dev/rehome/internal/scan/gitleaks"
)

// wholeLimit is how much of a text is held at once; what is larger is streamed.
const wholeLimit = 8 << 20

// notShown stands for a key that may hold a secret itself.
const notShown = "[not shown]"

// seen is what was found in one text.
type seen struct {
	places []scan.Place
	last   map[int]int // of what begins on a line and goes on below it
	bytes  int64
	binary bool
}

// look judges a text of any size, in bounded memory. The path gives its format.
func look(ctx context.Context, path string, r io.Reader) (seen, error) {
	in := &counted{ctx: ctx, r: r}
	head, err := io.ReadAll(io.LimitReader(in, wholeLimit+1))
	if err != nil {
		return seen{}, err
	}
	if len(head) <= wholeLimit {
		places, err := judge(path, head)
		return seen{places, ends(head, places), in.n, len(places) == 0 && isBinary(head)}, err
	}
	places, err := stream(path, io.MultiReader(bytes.NewReader(head), in))
	return seen{places, nil, in.n, len(places) == 0 && isBinary(head)}, err
}

// judge asks both detectors about a text that is held.
func judge(path string, data []byte) ([]scan.Place, error) {
	own := scan.Locate(path, data)
	if isBinary(data) {
		return own, nil
	}
	vendor, err := gitleaks.Locate(path, data)
	if err != nil {
		return nil, err
	}
	places := merged(own, vendor)
	inCharacters(data, places)
	return withoutValues(places)
}

// stream asks both detectors about a text as it goes by. The columns are bytes.
func stream(path string, r io.Reader) ([]scan.Place, error) {
	tokens := gitleaks.NewStream(path)
	own, err := scan.LocateReader(path, io.TeeReader(r, tokens))
	if err != nil {
		return nil, err
	}
	vendor, err := tokens.Places()
	if err != nil {
		return nil, err
	}
	return withoutValues(merged(own, vendor))
}

// withoutValues looks at keys once more: a file that is not what it looks like may have
// a token where a key should be.
func withoutValues(places []scan.Place) ([]scan.Place, error) {
	for i, p := range places {
		holds, err := gitleaks.Holds(p.Key)
		if err != nil {
			return nil, err
		}
		if holds {
			places[i].Key = notShown
		}
	}
	return places, nil
}

// inCharacters counts columns as people and editors do.
func inCharacters(data []byte, places []scan.Place) {
	line, rest := 1, data
	for i, p := range places { // in the order of their lines
		for ; line < p.Line && len(rest) > 0; line++ {
			next := bytes.IndexByte(rest, '\n')
			if next < 0 {
				return
			}
			rest = rest[next+1:]
		}
		if p.Line == line && p.Column > 1 && p.Column <= len(rest) {
			places[i].Column = utf8.RuneCount(rest[:p.Column-1]) + 1
		}
	}
}

// ends says where what begins on a line ends: a PEM block at its last line, a value at
// the last of the lines that are indented deeper than its first.
func ends(data []byte, places []scan.Place) map[int]int {
	if len(places) == 0 {
		return nil
	}
	lines := bytes.Split(data, []byte{'\n'})
	out := map[int]int{}
	for _, p := range places {
		if p.Line < 1 || p.Line > len(lines) || out[p.Line] > 0 {
			continue
		}
		last := p.Line
		pem := bytes.Contains(lines[p.Line-1], []byte("-----BEGIN "))
		deep := indent(lines[p.Line-1])
		for i := p.Line; i < len(lines); i++ {
			if blank := len(bytes.TrimSpace(lines[i])) == 0; !pem && !blank && indent(lines[i]) <= deep {
				break
			} else if !blank {
				last = i + 1
			}
			if bytes.Contains(lines[i], []byte("-----END ")) {
				break
			}
		}
		out[p.Line] = last
	}
	return out
}

func indent(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " \t")) }

// isBinary says that a text is none: it has a NUL near its beginning.
func isBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0
}

// counted counts what is read and ends with its context.
type counted struct {
	ctx context.Context
	r   io.Reader
	n   int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read it: %w", reason(err))
	}
	return n, err
}
