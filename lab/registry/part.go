package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// ProcessName is the registry's process, and the lab's own command that it is.
const ProcessName = "registry"

const port = "5000"

// Registry is the part.
type Registry struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *Registry { return &Registry{lab} }

func (r *Registry) Name() string       { return "registry" }
func (r *Registry) Packages() []string { return nil }

// Host is what references to its images begin with. Containerd and rehome speak
// plain HTTP with it, since its address is a private one.
func Host() string { return net.JoinHostPort(network.Registry.Address.String(), port) }

// Up returns when it answers. What was pushed before it was stopped is there again.
func (r *Registry) Up(ctx context.Context) error {
	err := r.lab.Start(ctx, part.Process{Name: ProcessName, Netns: network.Registry.Netns, Path: r.lab.Program(),
		Args:  []string{ProcessName, "--listen", Host(), "--dir", r.lab.StatePath("registry")},
		Ready: []string{ready()}, ReadyWithin: 20 * time.Second})
	if err != nil {
		return err
	}
	r.lab.Progress.Say(r.Name(), "%s takes images, and the node pulls from it", Host())
	return nil
}

func ready() string { return "http://" + Host() + "/v2/" }

// Down stops it.
func (r *Registry) Down(ctx context.Context) error {
	if err := r.lab.Stop(ctx, ProcessName); !errors.Is(err, part.ErrUnknownProcess) {
		return err
	}
	return nil
}

// Status asks whether it answers.
func (r *Registry) Status(ctx context.Context) part.Status {
	status := r.lab.StatusOf(ProcessName)
	if status.State != part.StateUp {
		return status
	}
	if err := part.Probe(ctx, network.Registry.Netns, ready()); err != nil {
		return part.Status{State: part.StatePartial, Detail: fmt.Sprintf("does not answer: %v", err)}
	}
	status.Detail = Host()
	return status
}
