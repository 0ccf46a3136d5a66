package scan

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// wholeLimit is how much of a file is read as one document. What is larger is no
	// configuration that people keep, and is looked through in windows.
	wholeLimit = 8 << 20
	// window is how much of a larger file is looked through at once, and overlap how
	// much of it again with the next one: more than a private key is long.
	window  = 1 << 20
	overlap = 16 << 10
	// mostUnzipped is where a stream that gzip made is taken for one that was made to
	// have no end.
	mostUnzipped = 4 << 30
)

// LocateReader is Locate for a stream of any size, in memory that its size does not
// change. Up to 8 MiB are read as Locate reads them; what is longer is read line by
// line, in windows that overlap, so that its key paths are those of one line alone.
// Line numbers are those of the whole stream, and places come in their order. An
// error is the reader's.
func LocateReader(path string, r io.Reader) ([]Place, error) {
	places, err := locateStream(path, r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return places, nil
}

func locateStream(path string, r io.Reader) ([]Place, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(len(gzipMagic)); bytes.Equal(magic, gzipMagic) {
		return locateZipped(path, in)
	}
	var head bytes.Buffer
	if _, err := io.CopyN(&head, in, wholeLimit); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return Locate(path, head.Bytes()), nil
	} else if err != nil {
		return nil, err
	}
	if bytes.IndexByte(head.Bytes()[:8192], 0) >= 0 {
		return Locate(path, head.Bytes()), nil // a keystore, or nothing that is read
	}
	w := windows{kind: kindOf(path), seen: map[Place]bool{}}
	return w.read(io.MultiReader(&head, in))
}

// locateZipped reads what gzip made, as far as it is whole.
func locateZipped(path string, in io.Reader) ([]Place, error) {
	source := &untilBroken{r: in}
	z, err := gzip.NewReader(source)
	if err == nil {
		places, _ := unzipped(path, &untilBroken{r: io.LimitReader(z, mostUnzipped)}) // only the source can fail
		return places, source.err
	}
	return nil, source.err // it only began like one
}

func unzipped(path string, r io.Reader) ([]Place, error) {
	var head bytes.Buffer
	if _, err := io.CopyN(&head, r, wholeLimit); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if head.Len() < wholeLimit {
		return withoutLines(locate(path, head.Bytes(), 1)), nil
	}
	w := windows{kind: kindOf(path), seen: map[Place]bool{}}
	places, err := w.read(io.MultiReader(&head, r))
	return withoutLines(places), err
}

// untilBroken ends where its reader fails, and keeps why: what is damaged is read up
// to there.
type untilBroken struct {
	r   io.Reader
	err error
}

func (u *untilBroken) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			u.err = err
		}
		err = io.EOF
	}
	return n, err
}

// windows looks through a long stream piece by piece.
type windows struct {
	kind   kind
	places []Place
	seen   map[Place]bool // of the places of the last window
}

func (w *windows) read(r io.Reader) ([]Place, error) {
	buffer := make([]byte, 0, window+longestLine)
	first, column := 1, 0 // the line and column at which the buffer begins
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return nil, err
		}
		end := len(buffer)
		if cut := bytes.LastIndexByte(buffer, '\n') + 1; !last && cut > overlap {
			end = cut
		}
		w.look(buffer[:end], first, column)
		if last {
			sortPlaces(w.places)
			return w.places, nil
		}
		from := keepFrom(buffer[:end])
		if lines := bytes.Count(buffer[:from], []byte("\n")); lines > 0 {
			first += lines
			column = from - bytes.LastIndexByte(buffer[:from], '\n') - 1
		} else {
			column += from
		}
		buffer = append(buffer[:0], buffer[from:]...)
	}
}

// keepFrom is where the part begins that is looked at again: at the beginning of a
// line, or anywhere in one that is longer than all of it.
func keepFrom(data []byte) int {
	from := max(0, len(data)-overlap)
	if next := bytes.IndexByte(data[from:], '\n'); next >= 0 && from+next+1 < len(data) {
		return from + next + 1
	}
	return from
}

// look finds the places of one window. Lines that are too long to be judged are cut
// into pieces that are not.
func (w *windows) look(data []byte, first, column int) {
	var found []Place
	number := first
	for len(data) > 0 {
		piece := data
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			end = len(data)
		}
		long := end > longestLine
		if long {
			piece = data[:longestLine/2]
		} else if cut := beforeLongLine(data); cut > 0 {
			piece = data[:cut]
		}
		for _, p := range w.piece(piece) {
			if p.Line == 1 && p.Column > 0 {
				p.Column += column
			}
			p.Line += number - 1
			found = append(found, p)
		}
		step := len(piece)
		if long {
			step -= overlap / 4
		}
		if lines := bytes.Count(piece, []byte("\n")); lines > 0 {
			number, column = number+lines, 0
		} else {
			column += step
		}
		data = data[step:]
	}
	seen := map[Place]bool{}
	for _, p := range found { // the key of a line depends on what stands before it
		at := Place{Line: p.Line, Column: p.Column}
		if !w.seen[at] && !seen[at] {
			w.places = append(w.places, p)
		}
		seen[at] = true
	}
	w.seen = seen
}

// beforeLongLine is the offset of the first line that is too long, or 0.
func beforeLongLine(data []byte) int {
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			end = len(data) - at
		}
		if end > longestLine {
			return at
		}
		at += end + 1
	}
	return 0
}

// piece reads a part of a file whose whole nobody has.
func (w *windows) piece(data []byte) []Place {
	l := locator{data: data, manner: w.kind.manner, seen: map[Place]bool{}}
	if l.hot = hotLines(data, !w.kind.sums); len(l.hot) == 0 {
		return nil
	}
	switch l.manner {
	case asCode:
		l.code()
	case asProse:
		l.prose()
	default:
		settings := readLines(data, false, l.hot)
		l.settings(settings)
		l.lines(settings)
	}
	sortPlaces(l.places)
	return l.places
}
