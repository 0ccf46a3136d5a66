package host

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// architecture is what uname -m prints.
func architecture() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Machine[:])
}

// clockState reads the kernel's clock discipline, see adjtimex(2). It sets nothing.
func clockState() string {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return ""
	case state == unix.TIME_ERROR, t.Status&unix.STA_UNSYNC != 0:
		return "not synchronised"
	}
	return "synchronised"
}

// usage asks a file system for its size and what of it is used, in bytes.
func usage(ctx context.Context, point string) (int64, int64, error) {
	type answer struct {
		size, used int64
		err        error
	}
	answers := make(chan answer, 1)
	go func() {
		var s unix.Statfs_t
		err := unix.Statfs(point, &s)
		answers <- answer{int64(s.Blocks) * s.Frsize, int64(s.Blocks-s.Bfree) * s.Frsize, err}
	}()
	select {
	case a := <-answers:
		return a.size, a.used, a.err
	case <-ctx.Done():
		return 0, 0, errors.New("it did not answer in time")
	}
}
