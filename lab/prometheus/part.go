package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// The processes, by the names that the lab stops and starts them by.
const (
	processName = "prometheus"
	// PodsProcess is the lab's own command that keeps the pods' targets up to date.
	PodsProcess = "pod-targets"
)

const (
	port    = "9090"
	appPort = "8080"
)

// Prometheus is the part.
type Prometheus struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *Prometheus { return &Prometheus{lab} }

func (p *Prometheus) Name() string       { return "prometheus" }
func (p *Prometheus) Packages() []string { return []string{"prometheus"} }

// URL is where it is asked, from within the lab.
func URL() string { return "http://" + net.JoinHostPort(network.Prom.Address.String(), port) }

// Up returns when queries are answered. The first samples come some five seconds
// later, when Prometheus has looked for targets.
func (p *Prometheus) Up(ctx context.Context) error {
	targets := p.lab.StatePath("prometheus", "pods.json")
	server := Server{Dir: p.lab.StatePath("prometheus"), Listen: net.JoinHostPort(network.Prom.Address.String(), port),
		Every: time.Second, Jobs: jobs(targets)}
	if err := server.Install(); err != nil {
		return err
	}
	args := server.Args()
	err := p.lab.Start(ctx, part.Process{Name: processName, Netns: network.Prom.Netns, Path: args[0], Args: args[1:],
		Ready: []string{URL() + "/-/ready"}, ReadyWithin: 30 * time.Second})
	if err != nil {
		return err
	}
	err = p.lab.Start(ctx, part.Process{Name: PodsProcess, Netns: network.Prom.Netns, Path: p.lab.Program(),
		Args: []string{PodsProcess, "--kubeconfig", p.lab.RunPath("kubeconfig"), "--file", targets, "--port", appPort}})
	if err != nil {
		return err
	}
	p.lab.Progress.Say(p.Name(), "%s scrapes the machine and the pods every second", URL())
	return nil
}

// jobs are the machine, by its address, and the pods that the file of targets names.
func jobs(targets string) []Job {
	return []Job{
		{Name: "vm", Static: []Group{{Targets: []string{net.JoinHostPort(network.VM.Address.String(), appPort)}}}},
		{Name: "pods", Files: []FileSD{{Files: []string{targets}}}},
	}
}

// Down stops both processes.
func (p *Prometheus) Down(ctx context.Context) error {
	var errs []error
	for _, name := range []string{PodsProcess, processName} {
		if err := p.lab.Stop(ctx, name); !errors.Is(err, part.ErrUnknownProcess) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Status asks whether it is ready.
func (p *Prometheus) Status(ctx context.Context) part.Status {
	status := p.lab.StatusOf(processName, PodsProcess)
	if status.State != part.StateUp {
		return status
	}
	if err := part.Probe(ctx, network.Prom.Netns, URL()+"/-/ready"); err != nil {
		return part.Status{State: part.StatePartial, Detail: fmt.Sprintf("not ready: %v", err)}
	}
	status.Detail = URL()
	return status
}
