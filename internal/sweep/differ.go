package sweep

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// commit is one revision with its parents.
type commit struct {
	id      string
	parents []string
}

// change is a file that a revision adds or changes: its blob, and the lines of it that
// are new.
type change struct {
	path  string
	blob  string
	lines spans
	whole bool // git takes it for binary, and has no lines
}

// spans are ranges of lines, both ends included, in their order.
type spans [][2]int

// touch says whether a line of [first, last] is among them. Line 0 is the file as a
// whole, which is new with each of its lines.
func (s spans) touch(first, last int) bool {
	if first == 0 {
		return len(s) > 0
	}
	for _, r := range s {
		if r[0] <= last && first <= r[1] {
			return true
		}
	}
	return false
}

// both are the lines that are in s and in t.
func (s spans) both(t spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if from, to := max(s[i][0], t[j][0]), min(s[i][1], t[j][1]); from <= to {
			out = append(out, [2]int{from, to})
		}
		if s[i][1] < t[j][1] {
			i++
		} else {
			j++
		}
	}
	return out
}

// differ reads what changes from git, and gives the pool what is new.
type differ struct {
	git     git
	exclude globs
	pool    *pool
	blobs   objects
	told    map[string]bool // files of which it was said that they are left out
}

// sweep runs one look at changes.
func (g git) sweep(o Options, changes func(*differ) error) (Result, error) {
	exclude, err := parseGlobs(o.Exclude)
	if err != nil {
		return Result{}, err
	}
	cat, err := g.start("cat-file", "--batch")
	if err != nil {
		return Result{}, err
	}
	d := &differ{git: g, exclude: exclude, pool: newPool(g.ctx, o.Progress), blobs: objects{cat}, told: map[string]bool{}}
	defer cat.stop()
	err = changes(d)
	if err == nil {
		err = errors.Join(cat.in.Close(), cat.end())
	}
	return d.pool.end(), err
}

// how is what diff-tree and diff-index are told: what changed by name and blob, then
// the new lines, whatever the user has configured.
var how = []string{"-r", "-z", "--raw", "-p", "-U0", "-M", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--irreversible-delete", "--text", "--diff-algorithm=myers"}

func (d *differ) staged(against string) error {
	args := append([]string{"diff-index", "--cached"}, how...)
	t, err := d.git.start(append(args, against, "--", ".")...)
	if err != nil {
		return err
	}
	defer t.stop()
	changes, err := readChanges(t.out, func() bool { return false })
	if err != nil {
		return d.said(t, fmt.Errorf("read what is staged: %w", err))
	}
	if err := t.end(); err != nil {
		return err
	}
	return d.look("", changes)
}

// commits compares every commit with each of its parents. git writes the commit's name
// before each comparison, also where nothing differs.
func (d *differ) commits(list []commit) error {
	args := append([]string{"diff-tree", "--stdin", "--always", "--root"}, how...)
	t, err := d.git.start(append(args, "--", ".")...)
	if err != nil {
		return err
	}
	defer t.stop()
	go func() {
		defer t.in.Close() // git ends with it
		for _, c := range list {
			for _, pair := range c.pairs() {
				if _, err := io.WriteString(t.in, pair+"\n"); err != nil {
					return // git has ended, and says why itself
				}
			}
		}
	}()
	for i, c := range list {
		next := ""
		if i+1 < len(list) {
			next = list[i+1].id
		}
		changes, err := c.added(t.out, next)
		if err != nil {
			return d.said(t, fmt.Errorf("read what %.12s changes: %w", c.id, err))
		}
		if err := d.look(c.id, changes); err != nil {
			return err
		}
		d.pool.note(func(r *Result) { r.Commits++ })
	}
	return t.end()
}

// said is what git complains about where its words ended too early, and the reader's
// error where it does not.
func (d *differ) said(t *talk, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if ended := t.end(); ended != nil {
			return ended
		}
	}
	return err
}

// pairs are the comparisons that are asked for.
func (c commit) pairs() []string {
	if len(c.parents) == 0 {
		return []string{c.id}
	}
	var out []string
	for _, p := range c.parents {
		out = append(out, c.id+" "+p)
	}
	return out
}

// added reads the comparisons of a commit with its parents: what is new against each.
func (c commit) added(in *bufio.Reader, next string) ([]change, error) {
	var all []change
	pairs := c.pairs()
	for i := range pairs {
		if err := header(in, c.id); err != nil {
			return nil, err
		}
		follows := c.id
		if i == len(pairs)-1 {
			follows = next
		}
		changes, err := readChanges(in, func() bool { return follows != "" && atHeader(in, follows) })
		switch {
		case err != nil:
			return nil, err
		case i == 0:
			all = changes
		default:
			all = inBoth(all, changes)
		}
	}
	return all, nil
}

func inBoth(a, b []change) []change {
	other := map[string]change{}
	for _, c := range b {
		other[c.path] = c
	}
	var out []change
	for _, c := range a {
		if o, ok := other[c.path]; ok {
			c.lines, c.whole = c.lines.both(o.lines), c.whole && o.whole
			out = append(out, c)
		}
	}
	return out
}

// header reads the name of a commit and the NUL behind it.
func header(in *bufio.Reader, id string) error {
	if !atHeader(in, id) {
		if _, err := in.Peek(1); err != nil {
			return io.ErrUnexpectedEOF
		}
		return errors.New("git wrote something else than what differs")
	}
	_, err := in.Discard(len(id) + 1)
	return err
}

func atHeader(in *bufio.Reader, id string) bool {
	head, _ := in.Peek(len(id) + 1) // what is short is none
	return len(head) == len(id)+1 && string(head[:len(id)]) == id && (head[len(id)] == 0 || head[len(id)] == '\n')
}

// readChanges reads one comparison: the raw list, then the patch. ends says whether
// the next one begins here.
func readChanges(in *bufio.Reader, ends func() bool) ([]change, error) {
	var list []change
	for {
		c, err := in.Peek(1)
		if errors.Is(err, io.EOF) || err == nil && c[0] != ':' {
			break
		}
		if err != nil {
			return nil, err
		}
		one, err := readRaw(in)
		if err != nil {
			return nil, err
		}
		if one.blob != "" {
			list = append(list, one)
		}
	}
	if c, err := in.Peek(1); err == nil && c[0] == 0 {
		if _, err := in.Discard(1); err != nil {
			return nil, err
		}
	}
	p := patch{in: in, lines: map[string]spans{}, binary: map[string]bool{}}
	if err := p.read(ends); err != nil {
		return nil, err
	}
	for i, c := range list {
		list[i].lines, list[i].whole = p.lines[c.blob], p.binary[c.blob]
	}
	return list, nil
}

// readRaw reads one entry of git's raw format (git-diff(1), "RAW OUTPUT FORMAT"). What
// is no file any more, a link or a submodule has no blob.
func readRaw(in *bufio.Reader) (change, error) {
	head, err := in.ReadString(0)
	if err != nil {
		return change{}, err
	}
	f := strings.Fields(strings.TrimSuffix(head, "\x00"))
	if len(f) != 5 {
		return change{}, fmt.Errorf("git's list of changes has %d fields, not 5", len(f))
	}
	path, err := in.ReadString(0)
	if err == nil && (f[4][0] == 'R' || f[4][0] == 'C') {
		path, err = in.ReadString(0) // the first was the old one
	}
	if err != nil {
		return change{}, err
	}
	c := change{path: strings.TrimSuffix(path, "\x00")}
	if strings.HasPrefix(f[1], "100") && f[2] != f[3] {
		c.blob = f[3]
	}
	return c, nil
}

// patch reads git's patches without context as to where lines are new, by the name of
// the new blob.
type patch struct {
	in     *bufio.Reader
	lines  map[string]spans
	binary map[string]bool
	blob   string
}

func (p *patch) read(ends func() bool) error {
	for !ends() {
		line, err := p.line()
		if errors.Is(err, io.EOF) && line == "" {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		switch {
		case strings.HasPrefix(line, "diff --git "):
			p.blob = ""
		case strings.HasPrefix(line, "index "):
			_, ids, _ := strings.Cut(line, "..")
			p.blob, _, _ = strings.Cut(ids, " ")
		case strings.HasPrefix(line, "Binary files "):
			p.binary[p.blob] = true
		case strings.HasPrefix(line, "@@ "):
			if err := p.hunk(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// line reads one line, of which only the beginning is kept.
func (p *patch) line() (string, error) {
	var kept []byte
	for {
		part, err := p.in.ReadSlice('\n')
		if room := 1024 - len(kept); room > 0 {
			kept = append(kept, part[:min(len(part), room)]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(bytes.TrimSuffix(kept, []byte{'\n'})), err
		}
	}
}

// hunk notes the new lines of "@@ -old,n +new,m @@". What stands in it is no header:
// each of its lines begins with a sign.
func (p *patch) hunk(head string) error {
	f := strings.Fields(head)
	if len(f) < 3 {
		return errNoLines
	}
	first, n, err := lineRange(f[2])
	if n > 0 {
		p.lines[p.blob] = append(p.lines[p.blob], [2]int{first, first + n - 1})
	}
	return err
}

var errNoLines = errors.New("git wrote a patch without its lines")

// lineRange reads "+first" or "+first,n".
func lineRange(text string) (first, n int, err error) {
	text, is := strings.CutPrefix(text, "+")
	from, count, several := strings.Cut(text, ",")
	first, err = strconv.Atoi(from)
	n = 1
	if several && err == nil {
		n, err = strconv.Atoi(count)
	}
	if !is || err != nil || first < 0 || n < 0 {
		return 0, 0, errNoLines
	}
	return first, n, nil
}

// look hands the new blobs on. A small one is read at once, so that several are judged
// at a time; a large one is judged as it comes.
func (d *differ) look(commit string, changes []change) error {
	for _, c := range changes {
		if len(c.lines) == 0 && !c.whole {
			continue
		}
		if d.exclude.match(c.path) {
			if !d.told[c.path] {
				d.pool.note(func(r *Result) { r.Skipped = append(r.Skipped, Skipped{c.path, "excluded"}) })
			}
			d.told[c.path] = true
			continue
		}
		if err := d.blob(commit, c); err != nil {
			return err
		}
	}
	return nil
}

func (d *differ) blob(commit string, c change) error {
	size, b, err := d.blobs.open(c.blob)
	if err != nil {
		return err
	}
	j := job{name: c.path, format: c.path, commit: commit, keep: func(first, last int) bool { return c.whole || c.lines.touch(first, last) }}
	if size <= wholeLimit {
		data, err := b.held(size)
		if err != nil {
			return fmt.Errorf("read %s: %w", c.path, err)
		}
		j.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		d.pool.add(j)
		return nil
	}
	j.open = func() (io.ReadCloser, error) { return io.NopCloser(b.Reader), nil }
	d.pool.wait(j)
	if err := b.close(); err != nil {
		return fmt.Errorf("read %s: %w", c.path, err)
	}
	return nil
}
