package image

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Bounds on what is looked at below an approved prefix with a star.
const (
	mostRepositories = 50
	mostTags         = 20
)

// byLayers finds the approved base whose layers are the first of the image's. The
// digests compared are those of the uncompressed layers, which stay the same
// whoever compressed them. Of several the one with the most layers is it.
func (i *Images) byLayers(ctx context.Context, image *v1.ConfigFile, approved []string) (string, error) {
	best, most := "", 0
	var trouble error
	for _, pattern := range approved {
		refs, err := i.candidates(ctx, pattern)
		if err != nil {
			trouble = err
			continue
		}
		for _, ref := range refs {
			base, err := i.config(ctx, ref)
			if err != nil {
				trouble = fmt.Errorf("look at the approved base %s: %w", ref, err)
				continue
			}
			if n := len(base.RootFS.DiffIDs); n > most && isPrefix(base.RootFS.DiffIDs, image.RootFS.DiffIDs) {
				best, most = ref.String(), n
			}
		}
	}
	switch {
	case best != "":
		return best, nil
	case trouble != nil:
		return "", trouble
	case len(approved) == 0:
		return "", fmt.Errorf("the policy approves no base to compare its layers with")
	}
	return "", errNoBase
}

func isPrefix(base, image []v1.Hash) bool {
	return len(base) <= len(image) && slices.Equal(base, image[:len(base)])
}

// candidates are the images that an approved pattern stands for: one reference,
// or with a star at the end the repositories below it with their newest tags.
func (i *Images) candidates(ctx context.Context, pattern string) ([]name.Reference, error) {
	prefix, below := strings.CutSuffix(pattern, "*")
	if !below && !strings.HasSuffix(pattern, "/") {
		ref, err := name.ParseReference(pattern)
		if err != nil {
			return nil, fmt.Errorf("the approved base %s: %w", pattern, err)
		}
		return []name.Reference{ref}, nil
	}
	host, path, _ := strings.Cut(prefix, "/")
	registry, err := name.NewRegistry(host)
	if err != nil {
		return nil, fmt.Errorf("the approved base %s: %w", pattern, err)
	}
	repositories, err := remote.Catalog(ctx, registry, i.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("list the approved bases of %s: %w", host, err)
	}
	var out []name.Reference
	for _, repository := range repositories {
		if !strings.HasPrefix(repository, path) {
			continue
		}
		if len(out) >= mostRepositories*mostTags {
			break
		}
		refs, err := i.tagged(ctx, registry.Repo(repository))
		if err != nil {
			return nil, err
		}
		out = append(out, refs...)
	}
	return out, nil
}

// tagged are the last tags of a repository, in the registry's order.
func (i *Images) tagged(ctx context.Context, repository name.Repository) ([]name.Reference, error) {
	tags, err := remote.List(repository, i.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("list the tags of %s: %w", repository, err)
	}
	var out []name.Reference
	for _, tag := range tags[max(0, len(tags)-mostTags):] {
		out = append(out, repository.Tag(tag))
	}
	return out, nil
}
