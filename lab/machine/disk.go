package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"rehome.dev/rehome/lab/part"
)

// Mount lays an empty writable layer over the pristine system. The layer is in
// memory: an overlay cannot be written to another overlay, which is what the state
// directory is where the lab runs in a container.
func (m Machine) Mount(pristine string) error {
	layer := m.Lab.StatePath(m.Name, "layer")
	for _, dir := range []string{layer, m.Root()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the machine's directories: %w", err)
		}
	}
	if err := syscall.Mount("tmpfs", layer, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount the machine's layer: %w", err)
	}
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return fmt.Errorf("make the machine's layer: %w", err)
	}
	options := "lowerdir=" + pristine + ",upperdir=" + upper + ",workdir=" + work
	if err := syscall.Mount("overlay", m.Root(), "overlay", 0, options); err != nil {
		return fmt.Errorf("mount the machine's disk: %w", err)
	}
	return nil
}

// Unmount takes the disk away, and what was written to it.
func (m Machine) Unmount() error { return part.UnmountBelow(m.Lab.StatePath(m.Name)) }

// Mounted says whether the machine has a disk.
func (m Machine) Mounted() bool {
	points, err := part.MountsBelow(m.Root())
	return err == nil && len(points) > 0
}
