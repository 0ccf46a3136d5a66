package image

import (
	"archive/tar"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"rehome.dev/rehome/internal/image/imagetest"
)

var bothAgents = []Agent{{"arm64", []byte("for arm64")}, {"amd64", []byte("for amd64")}}

func built(t *testing.T, agents []Agent, roots []byte) *Agents {
	t.Helper()
	a, err := BuildAgents(agents, roots)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rootsOf are CAs in PEM.
func rootsOf(t *testing.T) []byte {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func TestAgentsAreTheSameFromTheSame(t *testing.T) {
	a := built(t, bothAgents, nil)
	if b := built(t, []Agent{bothAgents[1], bothAgents[0]}, nil); a.Digest != b.Digest {
		t.Errorf("in another order: %s and %s", a.Digest, b.Digest)
	}
	digests := []string{a.Digest}
	for _, other := range []*Agents{
		built(t, bothAgents[:1], nil), built(t, bothAgents, rootsOf(t)), built(t, []Agent{bothAgents[0], {"amd64", []byte("another")}}, nil),
	} {
		if slices.Contains(digests, other.Digest) {
			t.Errorf("others have the digest %s too", other.Digest)
		}
		digests = append(digests, other.Digest)
	}
	if one := built(t, bothAgents[:1], nil); one.Digest != one.Platforms[0].Digest || one.Digest != a.Platforms[1].Digest {
		t.Errorf("one alone is %s, among others %s", one.Digest, a.Platforms[1].Digest)
	}
}

func TestAgentsThatAreNone(t *testing.T) {
	if _, err := BuildAgents(nil, nil); err == nil {
		t.Error("an image of nothing")
	}
	if _, err := BuildAgents(bothAgents, []byte("no PEM")); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("roots that are none: %v", err)
	}
}

// What is pulled from a registry, for a platform, is the program and the CAs, run by a
// user without rights.
func TestAgentsInARegistry(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	host := imagetest.NewRegistry(t).Host
	a := built(t, bothAgents, rootsOf(t))
	pushed, err := New().PushAgents(t.Context(), host+"/agent:1", a)
	if err != nil || pushed != host+"/agent@"+a.Digest {
		t.Fatalf("%s, %v", pushed, err)
	}
	for _, at := range []string{pushed, host + "/agent:1"} {
		for _, agent := range bothAgents {
			ref, err := name.ParseReference(at)
			if err != nil {
				t.Fatal(err)
			}
			img, err := remote.Image(ref, remote.WithPlatform(platform(agent.Arch)), remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if c := config.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/rehome-agent"}) || config.Architecture != agent.Arch || len(c.Env) > 0 {
				t.Errorf("%s for %s: %+v", at, agent.Arch, config)
			}
			layers, err := img.Layers()
			if err != nil || len(layers) != 1 {
				t.Fatalf("%d layers, %v", len(layers), err)
			}
			blob, err := layers[0].Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			for r := tar.NewReader(blob); ; {
				h, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, h.FileInfo().Mode().String()+" "+h.Name)
				if h.Name == "rehome-agent" {
					if text, _ := io.ReadAll(r); string(text) != string(agent.Content) {
						t.Errorf("the program for %s is %q", agent.Arch, text)
					}
				}
			}
			want := []string{"drwxr-xr-x etc/", "drwxr-xr-x etc/ssl/", "drwxr-xr-x etc/ssl/certs/", "-rw-r--r-- etc/ssl/certs/ca-certificates.crt", "-rwxr-xr-x rehome-agent"}
			if !slices.Equal(files, want) {
				t.Errorf("%s holds %q", at, files)
			}
		}
	}
	if _, err := New().PushAgents(t.Context(), host+"/agent@sha256:"+strings.Repeat("0", 64), a); err == nil {
		t.Error("another digest was asked for")
	}
	if again, err := New().PushAgents(t.Context(), pushed, a); err != nil || again != pushed {
		t.Errorf("by its digest: %s, %v", again, err)
	}
}
