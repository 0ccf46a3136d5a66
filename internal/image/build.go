package image

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Order is what to build an image of.
type Order struct {
	Name   string // of the workload
	Facts  inventory.Facts
	Policy migration.Policy
	Base   string   // reference, or scratch
	With   []string // further paths of the machine, by a person's decision
	// Innocent are files of which a person says that what may be a secret is none. It
	// counts for what is doubtful alone.
	Innocent []string
	// User is UID or UID:GID; empty is the machine's, unless that is root.
	User string
	// Entrypoint is the command; empty is the machine's.
	Entrypoint []string
	// At is the time of all that is made: that of the sources, or 1970.
	At time.Time
}

// Built is an image that was built, and nothing but in memory. Where Findings do not
// pass there is no image.
type Built struct {
	Workload   string    `json:"workload"`
	Base       string    `json:"base"` // by digest
	Digest     string    `json:"digest,omitempty"`
	Files      []File    `json:"files"`
	FromBase   []string  `json:"fromBase,omitempty"` // libraries that the base has
	Left       []Left    `json:"left,omitempty"`
	Undecided  []Left    `json:"undecided,omitempty"`
	Findings   []Finding `json:"findings"`
	Compressed int64     `json:"compressedBytes,omitempty"` // of all layers
	Taken      int64     `json:"takenBytes"`                // of the files that were taken, unpacked
	Dockerfile string    `json:"dockerfile,omitempty"`
	SBOM       []byte    `json:"-"`

	image v1.Image
}

// platform is the registry's name of the machine's architecture (GOARCH).
func platform(arch string) v1.Platform {
	switch arch {
	case "x86_64", "":
		arch = "amd64"
	case "aarch64":
		arch = "arm64"
	}
	return v1.Platform{OS: "linux", Architecture: arch}
}

// Build makes an image of the application's own files on an approved base, without
// a daemon and the same from the same files, byte for byte. The machine is only
// read. The findings of Built say what speaks against it: where one fails, no image
// is made; the error is what could not be looked at. ctx is to live until the image
// was pushed.
func (i *Images) Build(ctx context.Context, o Order, read Read) (*Built, error) {
	b := &Built{Workload: o.Name}
	base, err := i.baseFor(ctx, o, b) // its layers are read with this context, also when it is pushed
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	fs, err := systemOf(ctx, base, DefaultBounds, neededBy(o.Facts))
	if err != nil {
		return nil, &RegistryError{Op: "read", Ref: o.Base, Err: err}
	}
	g := &gathering{built: b, base: fs, read: read, order: o}
	if err := g.gather(ctx); err != nil {
		return nil, err
	}
	config, err := g.config(ctx, base)
	if err != nil {
		return nil, err
	}
	for _, f := range b.Findings {
		if f.Verdict == migration.Fail {
			return b, nil
		}
	}
	return b, b.make(o, base, fs, config)
}

// baseFor finds the base and its digest, and holds it to the policy.
func (i *Images) baseFor(ctx context.Context, o Order, b *Built) (v1.Image, error) {
	f := Finding{Code: CodeBase, Subject: o.Base, Verdict: migration.Pass, Text: "the policy approves " + o.Base}
	switch {
	case len(o.Policy.ApprovedBases) == 0:
		f.Verdict, f.Text, f.Remedy = migration.Fail, "the policy approves no base", "name them in the policy's images.approvedBases"
	case migration.OnDockerHub(o.Base), !o.Policy.Approves(o.Base):
		f.Verdict, f.Text, f.Remedy = migration.Fail, "the policy does not approve "+o.Base, "name one with --base that the policy's images.approvedBases begins"
	}
	b.Findings = append(b.Findings, f)
	if o.Base == scratch {
		b.Base = scratch
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		config = config.DeepCopy()
		p := platform(o.Facts.Host.Arch)
		config.OS, config.Architecture = p.OS, p.Architecture
		return mutate.ConfigFile(img, config)
	}
	img, err := i.pull(ctx, o.Base, platform(o.Facts.Host.Arch))
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, registryError("look at", o.Base, err)
	}
	b.Base = untagged(o.Base) + "@" + digest.String()
	return img, nil
}

// make packs what was gathered.
func (b *Built) make(o Order, base v1.Image, fs *system, config *v1.ConfigFile) error {
	manifest, err := base.MediaType()
	if err != nil {
		return err
	}
	media := types.OCILayer
	if manifest == types.DockerManifestSchema2 {
		media = types.DockerLayer
	}
	b.Files = withParents(b.Files, fs)
	l, err := layerOf(b.Files, o.At, media)
	if err != nil {
		return err
	}
	img := base
	if len(b.Files) > 0 {
		img, err = mutate.Append(base, mutate.Addendum{Layer: l, MediaType: media,
			History: v1.History{Created: v1.Time{Time: o.At}, CreatedBy: "COPY " + contextDir + "/ /", Comment: "rehome image"}})
		if err != nil {
			return fmt.Errorf("put the layer on the base: %w", err)
		}
	}
	with, err := img.ConfigFile()
	if err != nil {
		return err
	}
	with = with.DeepCopy()
	with.Config, with.Created = config.Config, v1.Time{Time: o.At}
	with.Author, with.Container, with.DockerVersion = "", "", "" //nolint:staticcheck // deprecated fields of a base must not differ
	if b.image, err = mutate.ConfigFile(img, with); err != nil {
		return fmt.Errorf("configure the image: %w", err)
	}
	digest, err := b.image.Digest()
	if err != nil {
		return err
	}
	b.Digest = digest.String()
	if _, b.Compressed, err = sizeOf(b.image); err != nil {
		return err
	}
	if b.Dockerfile, err = writeDockerfile(b, base, config); err != nil {
		return err
	}
	b.SBOM, err = sbomOf(b, o)
	return err
}
