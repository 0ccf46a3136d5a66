package memory

import (
	"errors"
	"testing"

	"rehome.dev/rehome/internal/image/imagetest"
	"rehome.dev/rehome/internal/migration"
)

func TestConformance(t *testing.T) {
	imagetest.Run(t, func(*testing.T) imagetest.World {
		i := New()
		put := func(ref string, facts migration.BaseFacts) string { i.Put(ref, facts); return ref }
		return imagetest.World{
			Port: i, Missing: "registry.test/missing:1",
			Labelled: func(_ *testing.T, base string) string {
				return put("registry.test/labelled:1", migration.BaseFacts{From: base, By: "label"})
			},
			Layered: func(*testing.T) (string, string) {
				const base = "registry.test/base/debian:12"
				return base, put("registry.test/layered:1", migration.BaseFacts{From: base, Approved: base, By: "layers"})
			},
			Stranger: func(*testing.T) string { return "registry.test/stranger:1" },
		}
	})
}

func TestFail(t *testing.T) {
	i := New()
	i.Put("a", migration.BaseFacts{From: "b"})
	down := errors.New("the registry is down")
	i.Fail(down)
	if _, err := i.Base(t.Context(), migration.Workload{Image: "a"}, migration.Policy{}); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
	i.Fail(nil)
	if got, err := i.Base(t.Context(), migration.Workload{Image: "a"}, migration.Policy{}); err != nil || got.From != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}
