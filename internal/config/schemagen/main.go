// Command schemagen writes the JSON Schemas of the objects that people write
// and the reference of their fields, both from the types and comments of
// api/v1alpha1:
//
//	go run ./internal/config/schemagen
//
// It must be started in the root of the module.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	files, err := generate()
	if err == nil {
		err = writeAll(files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// generate gives every file's text by its path from the root of the module,
// which is the working directory.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, o := range objects() {
		s, err := o.schema()
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", o.kind, err)
		}
		text, err := marshal(s)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", o.kind, err)
		}
		files["docs/schema/"+o.name+".json"] = text
		files["docs/reference/"+o.name+".md"] = o.reference(s)
	}
	return files, nil
}

func writeAll(files map[string][]byte) error {
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
