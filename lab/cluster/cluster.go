// Package cluster runs a real Kubernetes of one node: etcd, the control plane, the
// node's agents and a controller that gives load balancers their addresses. It
// knows the network it lives in; it must not know the application that will run.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// NodeName is the name of the only node.
const NodeName = "node"

// namespaces are made when the cluster comes up.
func namespaces() []string {
	var names []string
	for _, b := range branch.All() {
		names = append(names, b.Namespace, b.Staging())
	}
	return names
}

// Cluster is the part.
type Cluster struct {
	lab   *part.Lab
	paths paths
}

// New returns the part.
func New(lab *part.Lab) *Cluster { return &Cluster{lab: lab, paths: pathsOf(lab)} }

func (c *Cluster) Name() string { return "cluster" }

func (c *Cluster) Packages() []string {
	return []string{"etcd-server", "containerd", "runc", "containernetworking-plugins", "iptables", "conntrack"}
}

// Prepare builds Kubernetes where the cache does not have it.
func (c *Cluster) Prepare(ctx context.Context) error { return ensureBinaries(ctx, c.lab) }

var _ part.Preparer = (*Cluster)(nil)

// Up returns when the node is Ready and all namespaces exist.
func (c *Cluster) Up(ctx context.Context) error {
	wasUp := c.Status(ctx).State == part.StateUp
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.startAll(ctx); err != nil {
		return err
	}
	if err := c.awaitNode(ctx); err != nil {
		return err
	}
	if wasUp {
		c.lab.Progress.Say(c.Name(), "is up")
		return nil
	}
	c.lab.Progress.Say(c.Name(), "node is Ready, Kubernetes %s", Version)
	return nil
}

// prepare writes everything that the processes read.
func (c *Cluster) prepare(ctx context.Context) error {
	if err := writeCredentials(c.lab, c.paths); err != nil {
		return fmt.Errorf("write the cluster's credentials: %w", err)
	}
	if err := writeConfigs(c.lab, c.paths); err != nil {
		return fmt.Errorf("write the cluster's configuration: %w", err)
	}
	if err := makeCgroups(); err != nil {
		return fmt.Errorf("make cgroups: %w", err)
	}
	if err := saveSysctls(c.lab); err != nil {
		return fmt.Errorf("note kernel settings: %w", err)
	}
	if err := c.lab.MakeMountNamespace(ctx, c.paths.mounts, hiddenDirs(c.lab)); err != nil {
		return fmt.Errorf("make the node's mount namespace: %w", err)
	}
	return nil
}

// startAll starts wave after wave. What a process makes possible is done beside the
// next waves, which do not need it.
func (c *Cluster) startAll(ctx context.Context) error {
	beside, ctx := errgroup.WithContext(ctx)
	for _, wave := range processes(c.lab, c.paths) {
		var g errgroup.Group
		for _, p := range wave {
			g.Go(func() error {
				if err := c.lab.Start(ctx, p); err != nil {
					return err
				}
				c.lab.Progress.Detail(c.Name(), "%s runs", p.Name)
				beside.Go(func() error { return c.started(ctx, p.Name) })
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return errors.Join(err, beside.Wait())
		}
	}
	return beside.Wait()
}

// started does what becomes possible when a process serves.
func (c *Cluster) started(ctx context.Context, name string) error {
	switch name {
	case "containerd":
		return c.importPause(ctx)
	case "kube-apiserver":
		return c.makeNamespaces(ctx)
	}
	return nil
}

func (c *Cluster) makeNamespaces(ctx context.Context) error {
	var list string
	for _, name := range namespaces() {
		list += fmt.Sprintf("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", name)
	}
	// The first moments of an API server may refuse what it has not yet set up.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return part.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) error {
		_, err := Kubectl(ctx, c.lab, []byte(list), "apply", "-f", "-")
		return err
	})
}

func (c *Cluster) awaitNode(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := part.Poll(ctx, 100*time.Millisecond, c.nodeReady); err != nil {
		return fmt.Errorf("wait for the node: %w\n  log: %s", err, c.lab.LogPath("kubelet"))
	}
	return nil
}

func (c *Cluster) nodeReady(ctx context.Context) error {
	ready, err := Kubectl(ctx, c.lab, nil, "get", "node", NodeName, "--request-timeout=5s",
		"--output", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
	if err == nil && ready != "True" {
		err = errors.New("the node is not Ready")
	}
	return err
}

// Down kills the pods without asking them: the lab ends as a whole.
func (c *Cluster) Down(ctx context.Context) error {
	var errs []error
	stop := func(name string) {
		if err := c.lab.Stop(ctx, name); err != nil && !errors.Is(err, part.ErrUnknownProcess) {
			errs = append(errs, err)
		}
	}
	waves := processes(c.lab, c.paths)
	for i := len(waves) - 1; i >= 0; i-- {
		g := errgroup.Group{}
		for _, p := range waves[i] {
			if p.Name != "containerd" {
				g.Go(func() error { stop(p.Name); return nil })
			}
		}
		g.Wait()
	}
	errs = append(errs, killPods(ctx, c.paths.containerdSocket))
	stop("containerd")
	errs = append(errs, removeCgroups(ctx), restoreSysctls(c.lab), part.UnmountBelow(c.paths.mounts))
	for there := range hiddenDirs(c.lab) {
		os.Remove(there) // only when it is empty, so nobody else's
	}
	return errors.Join(errs...)
}

// Status asks the API server, not only the process table.
func (c *Cluster) Status(ctx context.Context) part.Status {
	var names []string
	for _, wave := range processes(c.lab, c.paths) {
		for _, p := range wave {
			names = append(names, p.Name)
		}
	}
	status := c.lab.StatusOf(names...)
	if status.State != part.StateUp {
		return status
	}
	if err := part.Probe(ctx, network.Node.Netns, APIServer()+"/readyz"); err != nil {
		return part.Status{State: part.StatePartial, Detail: "the API server is not ready: " + err.Error()}
	}
	if err := c.nodeReady(ctx); err != nil {
		return part.Status{State: part.StatePartial, Detail: err.Error()}
	}
	status.Detail += ", node Ready, Kubernetes " + Version
	return status
}
