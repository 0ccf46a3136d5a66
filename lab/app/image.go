package app

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/lab/image"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

const repository = "registry.golemtrust.am/royal-bank-api"

// baseLabel says on which base an image is built.
const baseLabel = "am.golemtrust.base"

// release is one image: the same program with another environment baked in.
type release struct {
	tag   string
	env   []string
	field func(*Images) *string
}

// The bad release fails three requests in ten, and only while more than fifteen
// come within a second: probes and a smoke test find nothing.
var releases = []release{
	{"v1-good", []string{"VERSION=1.0.1"}, func(i *Images) *string { return &i.Good }},
	{"v1-bad", []string{"VERSION=1.0.0", "FAIL_RATE=0.3", "FAIL_ABOVE=15"}, func(i *Images) *string { return &i.Bad }},
}

func (r release) build(lab *part.Lab) (v1.Image, error) {
	img, err := image.Build(
		[]image.File{{Path: "/royal-bank-api", Source: vm.Program(lab), Mode: 0o755}},
		v1.Config{
			User: "65532:65532", Entrypoint: []string{"/royal-bank-api"}, Env: r.env,
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Labels: map[string]string{
				baseLabel:                          "registry.golemtrust.am/base/static",
				"org.opencontainers.image.title":   "royal-bank-api",
				"org.opencontainers.image.version": r.tag,
			},
		})
	if err != nil {
		return nil, fmt.Errorf("build the image of %s: %w", r.tag, err)
	}
	return img, nil
}

const agentRepository = "registry.golemtrust.am/rehome-agent"

// agentImage is the product's agent and nothing else, as it is put beside an
// application in a pod.
func agentImage(ctx context.Context, lab *part.Lab) (v1.Image, error) {
	program := lab.StatePath("bin", "rehome-agent-image")
	if err := lab.GoBuild(ctx, "rehome.dev/rehome/cmd/rehome-agent", program); err != nil {
		return nil, err
	}
	img, err := image.Build([]image.File{{Path: "/rehome-agent", Source: program, Mode: 0o755}},
		v1.Config{User: "65532:65532", Entrypoint: []string{"/rehome-agent"}})
	if err != nil {
		return nil, fmt.Errorf("build the image of the agent: %w", err)
	}
	return img, nil
}
