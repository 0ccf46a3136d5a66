package image

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/tree"
)

// What the image of the agent holds, and how it runs.
const (
	agentPath   = "rehome-agent"
	agentUser   = "65532:65532"
	rootsPath   = "etc/ssl/certs/ca-certificates.crt" // where Go looks first on Linux, crypto/x509
	agentTitle  = "rehome-agent"
	titleLabel  = "org.opencontainers.image.title"
	agentReason = "rehome forward image"
)

// An Agent is the program for one architecture, by Go's name of it. It is static: the
// image has no libraries.
type Agent struct {
	Arch    string
	Content []byte
}

// Agents is the image of the agent, in memory: one for an architecture, or an index
// of several.
type Agents struct {
	Digest    string       `json:"digest"`
	Platforms []AgentImage `json:"platforms"`

	images []v1.Image
	index  v1.ImageIndex // nil where there is one platform
}

// An AgentImage is the image of one architecture.
type AgentImage struct {
	Platform   string `json:"platform"`
	Digest     string `json:"digest"`
	Compressed int64  `json:"compressedBytes"`
}

// BuildAgents puts each agent into an image of nothing else: an empty base, no shell,
// a user without rights. Roots, where there are any, are CAs in PEM that it trusts as
// those of its system. The same programs and roots give the same digest.
func BuildAgents(agents []Agent, roots []byte) (*Agents, error) {
	if len(agents) == 0 {
		return nil, errors.New("build the image of the agent: there is no agent")
	}
	if len(roots) > 0 && !x509.NewCertPool().AppendCertsFromPEM(roots) {
		return nil, errors.New("build the image of the agent: the roots hold no certificate in PEM")
	}
	agents = slices.SortedFunc(slices.Values(agents), func(a, b Agent) int { return cmp.Compare(a.Arch, b.Arch) })
	out := &Agents{}
	var addenda []mutate.IndexAddendum
	for _, a := range agents {
		img, err := agentImage(a, roots)
		if err != nil {
			return nil, fmt.Errorf("build the image of the agent for %s: %w", a.Arch, err)
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		p := platform(a.Arch)
		of := AgentImage{Platform: p.String(), Digest: digest.String()}
		if _, of.Compressed, err = sizeOf(img); err != nil {
			return nil, err
		}
		out.Platforms, out.images, out.Digest = append(out.Platforms, of), append(out.images, img), of.Digest
		addenda = append(addenda, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	if len(agents) == 1 {
		return out, nil
	}
	out.index = mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), addenda...)
	digest, err := out.index.Digest()
	if err != nil {
		return nil, err
	}
	out.Digest = digest.String()
	return out, nil
}

func agentImage(a Agent, roots []byte) (v1.Image, error) {
	files := []File{{Path: agentPath, Kind: tree.File, Mode: 0o755, Content: a.Content}}
	if len(roots) > 0 {
		files = append(files, File{Path: rootsPath, Kind: tree.File, Mode: 0o644, Content: roots})
	}
	epoch := time.Unix(0, 0).UTC()
	l, err := layerOf(withParents(files, &system{}), epoch, types.OCILayer)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: l, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: agentReason}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	p := platform(a.Arch)
	config.OS, config.Architecture, config.Created = p.OS, p.Architecture, v1.Time{Time: epoch}
	config.Config = v1.Config{User: agentUser, Entrypoint: []string{"/" + agentPath}, WorkingDir: "/", Labels: map[string]string{titleLabel: agentTitle}}
	return mutate.ConfigFile(img, config)
}

// PushAgents writes the image to a repository by its digest, and names it by the tag
// where text has one. It gives the image's reference by digest, after the registry was
// seen to have it.
func (i *Images) PushAgents(ctx context.Context, text string, a *Agents) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	ref, err := name.ParseReference(text)
	if err != nil {
		return "", registryError("push", text, err)
	}
	if asked, ok := ref.(name.Digest); ok && asked.DigestStr() != a.Digest {
		return "", fmt.Errorf("push %s: the image that was built is %s", text, a.Digest)
	}
	digest, options := ref.Context().Digest(a.Digest), i.options(ctx)
	var what remote.Taggable = a.images[0]
	if a.index == nil {
		err = remote.Write(digest, a.images[0], options...)
	} else {
		what = a.index
		err = remote.WriteIndex(digest, a.index, options...)
	}
	if tag, ok := ref.(name.Tag); err == nil && ok && text != untagged(text) {
		err = remote.Tag(tag, what, options...)
	}
	if err != nil {
		return "", registryError("push", text, err)
	}
	if _, err := remote.Head(digest, options...); err != nil {
		return "", registryError("look at", digest.String(), err)
	}
	return digest.String(), nil
}
