// Package registry is the lab's registry of container images: a real one, of the
// OCI distribution protocol with referrers, in a network namespace of its own and
// with its images on the disk.
//
// It stores; what an image is and who pulls it, it must not know.
package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// mostManifest bounds a manifest (the distribution protocol asks for 4 MiB at least).
const mostManifest = 8 << 20

// Handler is a registry with its blobs and manifests in a directory. The library
// keeps manifests in memory: each that is written is kept in a file too, and all are
// put again at the start.
func Handler(dir string, logTo io.Writer) (http.Handler, error) {
	blobs, manifests := filepath.Join(dir, "blobs"), filepath.Join(dir, "manifests")
	if err := errors.Join(os.MkdirAll(blobs, 0o700), os.MkdirAll(manifests, 0o700)); err != nil {
		return nil, fmt.Errorf("make the registry's directory: %w", err)
	}
	s := &shelf{dir: manifests, next: registry.New(registry.Logger(log.New(logTo, "", log.LstdFlags)),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(blobs)), registry.WithReferrersSupport(true))}
	return s, s.load()
}

// shelf writes down what the registry was told of manifests.
type shelf struct {
	next http.Handler
	dir  string

	mu   sync.Mutex
	last int // number of the latest file
}

// note is one manifest as it was put, or its removal.
type note struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Type   string `json:"type,omitempty"`
	Body   []byte `json:"body,omitempty"`
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	written := r.Method == http.MethodPut || r.Method == http.MethodDelete
	if !written || !strings.Contains(r.URL.Path, "/manifests/") {
		s.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostManifest))
	if err != nil {
		http.Error(w, "the manifest is too large", http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := httptest.NewRecorder()
	s.next.ServeHTTP(answer, r)
	if answer.Code < 300 {
		if err := s.write(note{r.Method, r.URL.Path, r.Header.Get("Content-Type"), body}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// write keeps a note under the next number, whole or not at all.
func (s *shelf) write(n note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	s.last++
	at := filepath.Join(s.dir, fmt.Sprintf("%08d.json", s.last))
	if err := os.WriteFile(at+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(at+".new", at)
}

// load puts all manifests again, in the order in which they came.
func (s *shelf) load() error {
	files, err := fs.Glob(os.DirFS(s.dir), "*.json")
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(s.dir, f))
		if err != nil {
			return fmt.Errorf("read the registry's manifests: %w", err)
		}
		var n note
		if err := json.Unmarshal(data, &n); err != nil {
			return fmt.Errorf("read the registry's manifest %s: %w", f, err)
		}
		r := httptest.NewRequest(n.Method, n.Path, bytes.NewReader(n.Body))
		r.Header.Set("Content-Type", n.Type)
		answer := httptest.NewRecorder()
		s.next.ServeHTTP(answer, r)
		if answer.Code >= 300 {
			return fmt.Errorf("put the registry's manifest %s again: %s", f, cmp.Or(strings.TrimSpace(answer.Body.String()), http.StatusText(answer.Code)))
		}
		if _, err := fmt.Sscanf(f, "%08d.json", &s.last); err != nil {
			return fmt.Errorf("the registry's directory holds %s, which is not of it", f)
		}
	}
	return nil
}

// Run serves until the context ends.
func Run(ctx context.Context, listen, dir string, logTo io.Writer) error {
	handler, err := Handler(dir, logTo)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("serve images: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve images: %w", err)
	}
	return nil
}
