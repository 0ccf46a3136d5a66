package scan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// wholeLimit is how much of a file is read as one document. What is larger is no
// configuration that people keep, and is looked through in windows.
const wholeLimit = 8 << 20

// LocateReader is Locate for a stream of any size, in memory that its size does not
// change. Up to 8 MiB are read as Locate reads them; what is longer is read line by
// line, in windows that overlap, so that its key paths are those of one line alone.
// Line numbers are those of the whole stream, and places come in their order. An
// error is the reader's.
func LocateReader(path string, r io.Reader) ([]Place, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := io.ReadAll(io.LimitReader(in, wholeLimit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return Locate(path, head), nil
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return locateWindows(path, io.MultiReader(bytes.NewReader(head), in))
}

func locateWindows(path string, r io.Reader) ([]Place, error) {
	data, err := io.ReadAll(io.LimitReader(r, wholeLimit))
	return Locate(path, data), err
}
