package image

import (
	"errors"
	"fmt"
	"io"
)

// Bounds are how much of an image is read. What lies beyond one of them is unknown:
// an image that unpacks to more than anybody wants is not read to its end.
type Bounds struct {
	Entries int   // names in one layer
	Layer   int64 // bytes of one layer, unpacked
	Image   int64 // bytes of all layers, unpacked
	File    int64 // bytes of one file that are scanned as a whole; longer texts go in pieces
}

// DefaultBounds fit what people run; a layer of four gigabytes is a mistake.
var DefaultBounds = Bounds{Entries: 500_000, Layer: 4 << 30, Image: 8 << 30, File: 4 << 20}

// errTooMuch: a bound was reached.
var errTooMuch = errors.New("there is more of it than is read")

// bounded reads at most left bytes, and then fails where io.LimitedReader ends.
type bounded struct {
	r    io.Reader
	left int64
	what string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := io.ReadFull(b.r, one[:]); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%s: %w", b.what, errTooMuch)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
