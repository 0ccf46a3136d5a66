package cli

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// swap gives the directory temp the name out; what had it has then the name temp. A
// file system that cannot exchange names gets two steps.
func swap(temp, out string) error {
	if _, err := os.Lstat(out); errors.Is(err, os.ErrNotExist) {
		return os.Rename(temp, out)
	}
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, out, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return swapInSteps(temp, out)
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: temp, New: out, Err: err}
	}
	return nil
}
