package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rehome.dev/rehome/internal/tree"
)

// The names of what Save writes.
const (
	dockerfileName = "Dockerfile"
	sbomName       = "sbom.spdx.json"
)

// Save writes the Dockerfile, the files that it copies and the SBOM into a new or
// empty directory, and gives the names of what it wrote there.
func (b *Built) Save(dir string) ([]string, error) {
	if b.image == nil {
		return nil, errNothing
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("write the Dockerfile: %s is not empty", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, contextDir), 0o755); err != nil {
		return nil, fmt.Errorf("write the Dockerfile: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("write the Dockerfile: %w", err)
	}
	defer root.Close()
	for _, f := range b.Files {
		if err := saveFile(root, filepath.Join(contextDir, filepath.FromSlash(f.Path)), f); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	err = errors.Join(root.WriteFile(dockerfileName, []byte(b.Dockerfile), 0o644), root.WriteFile(sbomName, b.SBOM, 0o644))
	if err != nil {
		return nil, fmt.Errorf("write the Dockerfile: %w", err)
	}
	return []string{dockerfileName, contextDir, sbomName}, nil
}

// saveFile writes with the mode that it has in the image, whatever the umask is.
func saveFile(root *os.Root, at string, f File) error {
	mode := os.FileMode(f.Mode).Perm()
	switch f.Kind {
	case tree.Dir:
		return errors.Join(root.MkdirAll(at, mode), root.Chmod(at, mode))
	case tree.Link:
		return errors.Join(root.MkdirAll(filepath.Dir(at), 0o755), root.Symlink(f.Target, at))
	}
	if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return errors.Join(root.WriteFile(at, f.Content, mode), root.Chmod(at, mode))
}
