// Package imagetest is what every implementation that says what an image stands
// on must do.
package imagetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

// Port is what is tested.
type Port interface {
	Base(ctx context.Context, w migration.Workload, policy migration.Policy) (migration.BaseFacts, error)
}

// World is a registry in which images can be put.
type World struct {
	Port Port
	// Labelled puts an image whose label names its base, and gives its reference.
	Labelled func(t *testing.T, base string) string
	// Layered puts an approved base and an image on top of it without a label, and
	// gives both references.
	Layered func(t *testing.T) (base, image string)
	// Stranger puts an image on no approved base, and gives its reference.
	Stranger func(t *testing.T) string
	// Missing is a reference under which there is nothing.
	Missing string
}

// Run tests the implementation in a world of its own for each case.
func Run(t *testing.T, world func(t *testing.T) World) {
	ask := func(t *testing.T, w World, ref, dockerfile string, approved ...string) (migration.BaseFacts, error) {
		t.Helper()
		return w.Port.Base(t.Context(), migration.Workload{Name: "api", Image: ref, Dockerfile: dockerfile}, migration.Policy{ApprovedBases: approved})
	}
	t.Run("a label names the base", func(t *testing.T) {
		w := world(t)
		ref := w.Labelled(t, "registry.golemtrust.am/base/debian:12")
		got, err := ask(t, w, ref, "")
		if err != nil || got.From != "registry.golemtrust.am/base/debian:12" || got.By != "label" || got.Workload != "api" || got.Source != ref {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("the layers are those of an approved base", func(t *testing.T) {
		w := world(t)
		base, ref := w.Layered(t)
		got, err := ask(t, w, ref, "", base)
		if err != nil || got.From != base || got.Approved != base || got.By != "layers" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("nothing tells", func(t *testing.T) {
		w := world(t)
		base, _ := w.Layered(t)
		if got, err := ask(t, w, w.Stranger(t), "", base); err == nil {
			t.Errorf("%+v is known of an image that has neither label nor an approved base's layers", got)
		}
	})
	t.Run("there is no such image", func(t *testing.T) {
		w := world(t)
		if got, err := ask(t, w, w.Missing, ""); err == nil {
			t.Errorf("%+v is known of an image that is not there", got)
		}
	})
	t.Run("the Dockerfile counts before the image", func(t *testing.T) {
		w := world(t)
		path := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(path, []byte("FROM registry.golemtrust.am/base/java:21\nUSER 1000\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ask(t, w, w.Missing, path)
		if err != nil || got.From != "registry.golemtrust.am/base/java:21" || got.User != "1000" || got.Source != path {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := ask(t, w, w.Missing, path+".gone"); err == nil {
			t.Errorf("%+v is known of a Dockerfile that is not there", got)
		}
	})
	t.Run("nobody waits for it any more", func(t *testing.T) {
		w := world(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err := w.Port.Base(ctx, migration.Workload{Name: "api", Image: w.Labelled(t, "x/y:1")}, migration.Policy{}); err == nil {
			t.Errorf("%+v after the end", got)
		}
	})
}
