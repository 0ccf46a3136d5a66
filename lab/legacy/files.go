package legacy

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"rehome.dev/rehome/lab/part"
)

// files are laid over the machine's disk. In them @NAME@ is a secret.
//
//go:embed all:files
var files embed.FS

var placeholder = regexp.MustCompile(`@[A-Z]+@`)

// canaries are the machine's secrets by the name of their place: no two machines
// have the same, and whoever finds one of them anywhere else has found a leak.
type canaries map[string]string

func (l *Legacy) canaryFile() string { return l.lab.RunPath("canaries.json") }

// Canaries are the secrets that are planted on the machine, by the name of their place.
func (l *Legacy) Canaries() (map[string]string, error) {
	data, err := os.ReadFile(l.canaryFile())
	if err != nil {
		return nil, fmt.Errorf("read the planted secrets: %w", err)
	}
	var planted map[string]string
	if err := json.Unmarshal(data, &planted); err != nil {
		return nil, fmt.Errorf("read the planted secrets: %w", err)
	}
	return planted, nil
}

// makeCanaries makes a secret for each placeholder of the files, and keeps them.
func makeCanaries(file string) (canaries, error) {
	made := canaries{}
	err := eachFile(func(_ string, text string) error {
		for _, name := range placeholder.FindAllString(text, -1) {
			if made[name] == "" {
				made[name] = strings.ToLower(rand.Text())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, part.WriteJSON(file, made, 0o600)
}

// installFiles writes the files below root, with their secrets. A file that begins
// with #! is a program.
func installFiles(root string, secrets canaries) error {
	return eachFile(func(path, text string) error {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		full := placeholder.ReplaceAllStringFunc(text, func(name string) string { return secrets[name] })
		return part.WriteFile(filepath.Join(root, path), []byte(full), mode)
	})
}

func eachFile(do func(path, text string) error) error {
	return fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the applications' files: %w", err)
		}
		return do(strings.TrimPrefix(path, "files/"), string(text))
	})
}

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(all, " ")
}
