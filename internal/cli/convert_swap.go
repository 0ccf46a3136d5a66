package cli

import (
	"errors"
	"os"
)

// swapInSteps gives temp the name out where names cannot be exchanged. Where the second
// step fails the first is undone.
func swapInSteps(temp, out string) error {
	old := temp + "-old"
	if err := os.Rename(out, old); err != nil {
		return err
	}
	if err := os.Rename(temp, out); err != nil {
		return errors.Join(err, os.Rename(old, out))
	}
	return os.Rename(old, temp)
}
