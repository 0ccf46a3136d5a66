package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"rehome.dev/rehome/lab/image"
	"rehome.dev/rehome/lab/registry"
)

// ApproveBase puts an almost empty image into the lab's registry, has the policy
// approve it as a base, and gives its name.
func (w *World) ApproveBase(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "base-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	passwd := filepath.Join(dir, "passwd")
	if err := os.WriteFile(passwd, []byte("root:x:0:0::/:\nnobody:x:65534:65534::/:\n"), 0o644); err != nil {
		return "", err
	}
	img, err := image.Build([]image.File{{Path: "/etc/passwd", Source: passwd, Mode: 0o644}}, v1.Config{User: "65532:65532"})
	if err != nil {
		return "", err
	}
	ref, err := name.NewTag(registry.Host() + "/base/static:1")
	if err == nil {
		err = remote.Write(ref, img, remote.WithContext(ctx))
	}
	return ref.String(), errors.Join(err, w.edit("policy.yaml", func(s string) string {
		return strings.Replace(s, "registry.golemtrust.am/base", registry.Host()+"/base", 1)
	}))
}
