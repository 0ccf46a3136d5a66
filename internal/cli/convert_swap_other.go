//go:build !linux

package cli

import (
	"errors"
	"os"
)

func swap(temp, out string) error {
	if _, err := os.Lstat(out); errors.Is(err, os.ErrNotExist) {
		return os.Rename(temp, out)
	}
	return swapInSteps(temp, out)
}
