package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"rehome.dev/rehome/internal/migration"
)

// bound is how long one look at an image may take, all its requests together.
const bound = 20 * time.Second

// Images looks at Dockerfiles and registries. Credentials are those of the user's
// container tools (~/.docker/config.json and its helpers).
type Images struct {
	transport http.RoundTripper
}

// New makes one that reaches registries with the default transport.
func New() *Images { return &Images{transport: remote.DefaultTransport} }

// Labels of an image that name its base (OCI image spec, annotations).
const (
	labelBase   = "org.opencontainers.image.base.name"
	labelDigest = "org.opencontainers.image.base.digest"
)

// Base says what the image of w stands on. The Dockerfile counts where one is
// declared, then the image's labels, then the layers that it has in common with
// one of the policy's approved bases. Where none of them tells, the error says so.
func (i *Images) Base(ctx context.Context, w migration.Workload, policy migration.Policy) (migration.BaseFacts, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	if w.Dockerfile != "" {
		return fromDockerfile(w)
	}
	ref, err := name.ParseReference(w.Image)
	if err != nil {
		return migration.BaseFacts{}, fmt.Errorf("the image of %s: %w", w.Name, err)
	}
	config, err := i.config(ctx, ref)
	if err != nil {
		return migration.BaseFacts{}, fmt.Errorf("look at %s: %w", w.Image, err)
	}
	facts := migration.BaseFacts{Workload: w.Name, Source: w.Image, User: config.Config.User}
	if base := config.Config.Labels[labelBase]; base != "" {
		facts.By, facts.From = "label", base
		if digest := config.Config.Labels[labelDigest]; digest != "" {
			facts.From += "@" + digest
		}
		return facts, nil
	}
	base, err := i.byLayers(ctx, config, policy.ApprovedBases)
	if err != nil {
		return migration.BaseFacts{}, fmt.Errorf("%s has no label %s, and %w", w.Image, labelBase, err)
	}
	facts.By, facts.From, facts.Approved = "layers", base, base
	return facts, nil
}

func (i *Images) config(ctx context.Context, ref name.Reference) (*v1.ConfigFile, error) {
	img, err := remote.Image(ref, i.options(ctx)...)
	if err != nil {
		return nil, err
	}
	return img.ConfigFile()
}

func (i *Images) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(i.transport)}
}

func fromDockerfile(w migration.Workload) (migration.BaseFacts, error) {
	text, err := os.ReadFile(w.Dockerfile)
	if err != nil {
		return migration.BaseFacts{}, fmt.Errorf("the Dockerfile of %s: %w", w.Name, err)
	}
	facts, err := Dockerfile(text)
	if err != nil {
		return migration.BaseFacts{}, ofFile(w.Dockerfile, err)
	}
	facts.Workload, facts.Source = w.Name, w.Dockerfile
	return facts, nil
}

// ofFile names the Dockerfile that an error is of.
func ofFile(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}

// errNoBase: the layers are those of no approved base.
var errNoBase = errors.New("its layers begin with those of no approved base")
