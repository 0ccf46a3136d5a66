package canary

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Told is a secret in a place where it was found.
type Told struct{ Secret, Where string }

func (t Told) String() string { return t.Secret + " in " + t.Where }

// Files looks through every plain file below a directory, through the names of all
// and through where links lead, and says how many files those were. What is removed
// meanwhile is no error.
func (s *Set) Files(root string) (told []Told, files int, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		told = append(told, s.In("the name of "+path, []byte(filepath.Base(path)))...)
		switch d.Type() {
		case fs.ModeSymlink:
			to, _ := os.Readlink(path)
			told = append(told, s.In("the link "+path, []byte(to))...)
		case 0:
			text, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			files++
			told = append(told, s.In(path, text)...)
		}
		return nil
	})
	if err != nil {
		return told, files, fmt.Errorf("look for secrets below %s: %w", root, err)
	}
	return told, files, nil
}

// In is Find with the place beside each.
func (s *Set) In(where string, text []byte) []Told {
	var out []Told
	for _, name := range s.Find(text) {
		out = append(out, Told{name, where})
	}
	return out
}
