package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// pull finds an image for a platform. Its layers are read from the registry when
// they are needed.
func (i *Images) pull(ctx context.Context, text string, p v1.Platform) (v1.Image, error) {
	ref, err := name.ParseReference(text)
	if err != nil {
		return nil, registryError("look at", text, err)
	}
	img, err := remote.Image(ref, append(i.options(ctx), remote.WithPlatform(p))...)
	return img, registryError("look at", text, err)
}

// errNothing: there is no image to push.
var errNothing = errors.New("no image was built: what speaks against it comes first")

// Push writes the image to a repository by its digest, with its SBOM as a referrer
// of it, and names it by the tag where text has one. It gives the image's reference
// by digest, after the registry was seen to have it.
func (i *Images) Push(ctx context.Context, text string, b *Built) (string, error) {
	if b.image == nil {
		return "", errNothing
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	ref, err := name.ParseReference(text)
	if err != nil {
		return "", registryError("push", text, err)
	}
	digest := ref.Context().Digest(b.Digest)
	if asked, ok := ref.(name.Digest); ok && asked.DigestStr() != b.Digest {
		return "", fmt.Errorf("push %s: the image that was built is %s", text, b.Digest)
	}
	options := i.options(ctx)
	if err := remote.Write(digest, b.image, options...); err != nil {
		return "", registryError("push", text, err)
	}
	sbom, err := b.referrer()
	if err != nil {
		return "", err
	}
	hash, err := sbom.Digest()
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref.Context().Digest(hash.String()), sbom, options...); err != nil {
		return "", registryError("push the SBOM of", text, err)
	}
	if tag, ok := ref.(name.Tag); ok && text != untagged(text) {
		if err := remote.Tag(tag, b.image, options...); err != nil {
			return "", registryError("push", text, err)
		}
	}
	if _, err := remote.Head(digest, options...); err != nil {
		return "", registryError("look at", digest.String(), err)
	}
	return digest.String(), nil
}

// SBOMs are those that a registry keeps for an image, by its digest.
func (i *Images) SBOMs(ctx context.Context, ref string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	digest, err := name.NewDigest(ref)
	if err != nil {
		return nil, registryError("look at", ref, err)
	}
	index, err := remote.Referrers(digest, i.options(ctx)...)
	if err != nil {
		return nil, registryError("look at", ref, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, registryError("look at", ref, err)
	}
	var out []string
	for _, d := range m.Manifests {
		if d.ArtifactType == SBOMType {
			out = append(out, digest.Context().Digest(d.Digest.String()).String())
		}
	}
	return out, nil
}

// referrer is the SBOM as an artifact that names the image as its subject (OCI image
// spec 1.1, guidelines for artifacts).
func (b *Built) referrer() (v1.Image, error) {
	subject, err := partial.Descriptor(b.image)
	if err != nil {
		return nil, err
	}
	content := static.NewLayer(b.SBOM, SBOMType)
	empty := static.NewLayer([]byte("{}"), "application/vnd.oci.empty.v1+json")
	var parts [2]v1.Descriptor
	for i, l := range []v1.Layer{empty, content} {
		d, err := partial.Descriptor(l)
		if err != nil {
			return nil, err
		}
		parts[i] = v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: SBOMType, Config: parts[0], Layers: parts[1:],
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest},
	})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(artifact{bytes.Clone(manifest), content})
}

// artifact is a manifest with an empty configuration and one layer.
type artifact struct {
	manifest []byte
	content  v1.Layer
}

func (a artifact) RawConfigFile() ([]byte, error)      { return []byte("{}"), nil }
func (a artifact) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a artifact) ArtifactType() (string, error)       { return SBOMType, nil }
func (a artifact) LayerByDigest(v1.Hash) (partial.CompressedLayer, error) {
	return a.content, nil
}
