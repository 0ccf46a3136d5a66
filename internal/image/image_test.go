package image

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/image/imagetest"
	"rehome.dev/rehome/internal/migration"
)

// shelf is a real registry on the loopback address.
type shelf struct {
	t    *testing.T
	host string
}

// TestMain sees to it that nobody's credentials are used.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rehome-image-*")
	if err == nil {
		err = os.Setenv("DOCKER_CONFIG", dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return shelf{t, strings.TrimPrefix(server.URL, "http://")}
}

func (s shelf) push(path string, img v1.Image) string {
	s.t.Helper()
	ref := s.host + "/" + path
	tag, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Write(tag, img, remote.WithContext(s.t.Context()))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// on puts n new layers upon base.
func (s shelf) on(base v1.Image, n int) v1.Image {
	s.t.Helper()
	for range n {
		layer, err := random.Layer(64, types.DockerLayer)
		if err == nil {
			base, err = mutate.AppendLayers(base, layer)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return base
}

func (s shelf) configured(img v1.Image, c v1.Config) v1.Image {
	s.t.Helper()
	img, err := mutate.Config(img, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return img
}

func TestConformance(t *testing.T) {
	imagetest.Run(t, func(t *testing.T) imagetest.World {
		s := newShelf(t)
		return imagetest.World{
			Port: New(), Missing: s.host + "/missing:1",
			Labelled: func(_ *testing.T, base string) string {
				return s.push("labelled:1", s.configured(s.on(empty.Image, 1), v1.Config{Labels: map[string]string{labelBase: base}}))
			},
			Layered: func(*testing.T) (string, string) {
				base := s.on(empty.Image, 2)
				return s.push("base/debian:12", base), s.push("layered:1", s.on(base, 1))
			},
			Stranger: func(*testing.T) string { return s.push("stranger:1", s.on(empty.Image, 3)) },
		}
	})
}

func TestLayersBelowAStar(t *testing.T) {
	s := newShelf(t)
	debian := s.on(empty.Image, 1)
	java := s.on(debian, 2)
	s.push("base/debian:12", debian)
	s.push("base/java:20", s.on(debian, 2))
	s.push("base/java:21", java)
	s.push("other/java:21", s.on(java, 1)) // closer, and not approved
	ref := s.push("app:1", s.configured(s.on(java, 2), v1.Config{User: "1000", Labels: map[string]string{}}))
	got, err := New().Base(t.Context(), migration.Workload{Name: "app", Image: ref}, migration.Policy{ApprovedBases: []string{s.host + "/base/*"}})
	if err != nil || got.From != s.host+"/base/java:21" || got.User != "1000" {
		t.Errorf("%+v, %v; wanted the base with the most layers in common", got, err)
	}
}

// An image that is smaller than its base, or has its layers in another order, is
// not built upon it.
func TestLayersMustBeThePrefix(t *testing.T) {
	s := newShelf(t)
	first, second := s.on(empty.Image, 1), s.on(empty.Image, 1)
	layers := func(img v1.Image) []v1.Layer {
		l, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	turned, err := mutate.AppendLayers(second, layers(first)...)
	if err != nil {
		t.Fatal(err)
	}
	base := s.push("base:1", s.on(first, 1))
	for what, img := range map[string]v1.Image{"smaller": first, "turned": turned} {
		ref := s.push(what+":1", img)
		if got, err := New().Base(t.Context(), migration.Workload{Image: ref}, migration.Policy{ApprovedBases: []string{base}}); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestABaseThatCannotBeSeenIsNamed(t *testing.T) {
	s := newShelf(t)
	ref := s.push("app:1", s.on(empty.Image, 1))
	for _, c := range []struct {
		approved []string
		want     string
	}{
		{nil, "the policy approves no base"},
		{[]string{s.host + "/base/gone:1"}, "look at the approved base " + s.host + "/base/gone:1"},
		{[]string{"UPPER CASE"}, "the approved base UPPER CASE"},
		{[]string{"127.0.0.1:1/base/*"}, "list the approved bases of 127.0.0.1:1"},
	} {
		_, err := New().Base(t.Context(), migration.Workload{Image: ref}, migration.Policy{ApprovedBases: c.approved})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("approved %v: %v; wanted %q", c.approved, err, c.want)
		}
	}
}
