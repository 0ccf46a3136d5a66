// Package archive keeps files for people in a directory: the incidents, as JSON
// and as a page to read, and the last words of the pods.
//
// An incident is written here before the journal is asked, so that a rollback
// leaves a trace when nothing else can be reached. The package must not know
// the journal.
package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rehome.dev/rehome/internal/migration"
)

// Directory is an archive at Root:
//
//	Root/MIGRATION/incidents/ID.json
//	Root/MIGRATION/incidents/ID.md
//	Root/MIGRATION/incidents/ID/logs/NAME.log
//
// Names that are no file names are escaped, so that nothing is ever written
// outside of Root and no two names meet. Directories are of mode 0700, files
// 0600. A file appears whole or not at all, and has been synced when its path
// is returned.
type Directory struct {
	Root string
}

// Incident writes the incident, over an earlier state of the same one, and gives
// the path of the page.
func (d Directory) Incident(ctx context.Context, key string, inc migration.Incident) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("archive the incident %q of %q: %w", inc.ID, key, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	b, err := json.MarshalIndent(inc, "", "  ")
	if err != nil {
		return fail(err)
	}
	base := filepath.Join(d.Root, fileName(key), "incidents", fileName(inc.ID))
	if err := write(base+".json", append(b, '\n')); err != nil {
		return fail(err)
	}
	if err := write(base+".md", page(key, inc)); err != nil {
		return fail(err)
	}
	return base + ".md", nil
}

// Logs keeps text under name and gives its path. What was kept before is never
// replaced: another text of the same name gets a number.
func (d Directory) Logs(ctx context.Context, key, incident, name string, text []byte) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("archive the log %q of incident %q of %q: %w", name, incident, key, err)
	}
	base := filepath.Join(d.Root, fileName(key), "incidents", fileName(incident), "logs", fileName(name))
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		path := base + ".log"
		if n > 1 {
			path = fmt.Sprintf("%s~%d.log", base, n)
		}
		old, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(old, text):
			return path, nil
		case errors.Is(err, fs.ErrNotExist):
			if err := write(path, text); err != nil {
				return fail(err)
			}
			return path, nil
		case err != nil:
			return fail(err)
		}
	}
}
