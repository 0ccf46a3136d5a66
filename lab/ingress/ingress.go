// Package ingress runs a real ingress controller on the lab's cluster: skipper, in a
// pod, reached through a Service of type LoadBalancer. It serves the Ingresses of one
// namespace and is gone with it. It must not know who makes them.
//
// Skipper publishes no addresses by itself: in a cloud another controller does, and
// here Publish.
package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/image"
	"rehome.dev/rehome/lab/part"
)

// Version is the skipper that lab/ingress/skipper/go.mod requires.
const Version = "v0.22.0"

// Class is the class of the Ingresses that it serves.
const Class = "skipper"

const name = "ingress"

// Controller is one that runs.
type Controller struct {
	lab       *part.Lab
	namespace string
	address   string
}

// Start runs a controller for the Ingresses of a namespace, and returns when it can
// be reached. The first one on a machine is built, which takes half a minute and a Go
// module proxy.
func Start(ctx context.Context, lab *part.Lab, namespace string) (*Controller, error) {
	ref, err := imported(ctx, lab)
	if err != nil {
		return nil, err
	}
	c := &Controller{lab: lab, namespace: namespace}
	if _, err := c.kubectl(ctx, []byte(fmt.Sprintf(manifests, namespace, ref)), "apply", "-f", "-"); err != nil {
		return nil, err
	}
	if _, err := c.kubectl(ctx, nil, "rollout", "status", "deployment", name, "--timeout=60s"); err != nil {
		return nil, err
	}
	return c, part.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) error {
		out, err := c.kubectl(ctx, nil, "get", "service", name, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
		if c.address = strings.TrimSpace(out); err == nil && c.address == "" {
			err = errors.New("the controller has no address yet")
		}
		return err
	})
}

// Address is where clients reach it, at the ports 80 and 8080.
func (c *Controller) Address() string { return c.address }

// Publish writes the address to every Ingress of its class that does not show it,
// until ctx ends.
func (c *Controller) Publish(ctx context.Context) error {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := c.publish(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Controller) publish(ctx context.Context) error {
	out, err := c.kubectl(ctx, nil, "get", "ingress", "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ IngressClassName string }
			Status   struct {
				LoadBalancer struct{ Ingress []struct{ IP string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return err
	}
	for _, in := range list.Items {
		at := in.Status.LoadBalancer.Ingress
		if in.Spec.IngressClassName != Class || len(at) == 1 && at[0].IP == c.address {
			continue
		}
		if _, err := c.kubectl(ctx, nil, "patch", "ingress", in.Metadata.Name, "--subresource=status", "--type=merge",
			"-p", fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":%q}]}}}`, c.address)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controller) kubectl(ctx context.Context, stdin []byte, args ...string) (string, error) {
	return cluster.Kubectl(ctx, c.lab, stdin, append([]string{"-n", c.namespace}, args...)...)
}

// imported builds the image where the node has none, and names it by its digest.
func imported(ctx context.Context, lab *part.Lab) (string, error) {
	program := lab.CachePath("skipper", Version, "skipper")
	if _, err := os.Stat(program); err != nil {
		if err := build(ctx, lab, program); err != nil {
			return "", fmt.Errorf("build skipper %s: %w", Version, err)
		}
	}
	img, err := image.Build([]image.File{{Path: "/skipper", Source: program, Mode: 0o755}},
		v1.Config{User: "65532:65532", Entrypoint: []string{"/skipper"}})
	if err != nil {
		return "", fmt.Errorf("build the image of skipper: %w", err)
	}
	return cluster.Import(ctx, lab, img, "registry.golemtrust.am/skipper:"+Version)
}

// build uses the network of whoever has begun this process: a test is moved into the
// lab, which has no way to a module proxy.
func build(ctx context.Context, lab *part.Lab, program string) error {
	root, err := part.ModuleRoot()
	if err != nil {
		return err
	}
	dir := filepath.Dir(program)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lab.Progress.Say(name, "building skipper %s, once", Version)
	half := program + ".building" // one cut short is never taken for a whole one
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(os.Getppid()), "--net", "--",
		"go", "build", "-trimpath", "-ldflags=-s -w", "-o", half, "github.com/zalando/skipper/cmd/skipper")
	cmd.Dir = filepath.Join(root, "lab", "ingress", "skipper")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off")
	if _, err := part.RunCmd(cmd); err != nil {
		return err
	}
	return os.Rename(half, program)
}

// manifests are of a namespace (%[1]s) and an image (%[2]s).
const manifests = `apiVersion: v1
kind: ServiceAccount
metadata: {name: ingress, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ingress, namespace: %[1]s}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list]}
- {apiGroups: [""], resources: [services, endpoints, secrets], verbs: [get, list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ingress, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ingress}
subjects:
- {kind: ServiceAccount, name: ingress, namespace: %[1]s}
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: %[1]s}
spec:
  type: LoadBalancer
  selector: {app: ingress}
  ports:
  - {name: http, port: 80, targetPort: 9090}
  - {name: old, port: 8080, targetPort: 9090}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: ingress}}
  template:
    metadata: {labels: {app: ingress}}
    spec:
      serviceAccountName: ingress
      terminationGracePeriodSeconds: 1
      containers:
      - name: skipper
        image: %[2]s
        imagePullPolicy: IfNotPresent
        args:
        - -address=:9090
        - -kubernetes
        - -kubernetes-in-cluster
        - -kubernetes-namespace=%[1]s
        - -enable-kubernetes-endpointslices
        - -kubernetes-https-redirect=false
        - -source-poll-timeout=500
        - -wait-first-route-load
        - -wait-for-healthcheck-interval=0s
        readinessProbe: {tcpSocket: {port: 9090}, periodSeconds: 1}
`
