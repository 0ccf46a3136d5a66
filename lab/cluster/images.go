package cluster

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/lab/image"
	"rehome.dev/rehome/lab/part"
)

// Import gives the node an image under name ("registry/repository:tag") and
// returns the same repository with the digest, under which pods find it too.
func Import(ctx context.Context, lab *part.Lab, img v1.Image, name string) (digestRef string, err error) {
	var archive bytes.Buffer
	if err := image.WriteArchive(&archive, img, name); err != nil {
		return "", err
	}
	cmd := lab.Command(ctx, "", ctr(lab, "images", "import", "-")...)
	cmd.Stdin = &archive
	if _, err := part.RunCmd(cmd); err != nil {
		return "", fmt.Errorf("import image %s: %w", name, err)
	}
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	digestRef = repositoryOf(name) + "@" + digest.String()
	if _, err := part.Run(ctx, ctr(lab, "images", "tag", "--force", name, digestRef)...); err != nil {
		return "", fmt.Errorf("name image %s by its digest: %w", name, err)
	}
	return digestRef, nil
}

// ctr speaks to the node's containerd in the namespace that the kubelet uses.
func ctr(lab *part.Lab, args ...string) []string {
	return append([]string{"ctr", "--address", pathsOf(lab).containerdSocket, "--namespace", "k8s.io"}, args...)
}

// repositoryOf cuts the tag off; a colon before the last slash is a port.
func repositoryOf(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}

func (c *Cluster) importPause(ctx context.Context) error {
	program := c.lab.StatePath("bin", "pause")
	if err := c.lab.GoBuild(ctx, "rehome.dev/rehome/lab/cluster/pause", program); err != nil {
		return err
	}
	img, err := image.Build([]image.File{{Path: "/pause", Source: program, Mode: 0o755}},
		v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"})
	if err != nil {
		return err
	}
	_, err = Import(ctx, c.lab, img, PauseImage)
	return err
}
