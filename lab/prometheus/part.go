package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"rehome.dev/rehome/lab/branch"
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
func URL() string { return urlAt(network.Prom) }

func urlAt(h network.Host) string { return "http://" + net.JoinHostPort(h.Address.String(), port) }

// Up returns when queries are answered. The first samples come some five seconds
// later, when Prometheus has looked for targets.
func (p *Prometheus) Up(ctx context.Context) error {
	if err := start(ctx, p.lab, processName, network.Prom); err != nil {
		return err
	}
	err := p.lab.Start(ctx, part.Process{Name: PodsProcess, Netns: network.Prom.Netns, Path: p.lab.Program(),
		Args: []string{PodsProcess, "--kubeconfig", p.lab.RunPath("kubeconfig"), "--file", targetsFile(p.lab), "--port", appPort}})
	if err != nil {
		return err
	}
	p.lab.Progress.Say(p.Name(), "%s scrapes the machine and the pods every second", URL())
	return nil
}

// StartBeside runs another Prometheus that scrapes the same, on the host of a branch's
// old side, for who wants to take it away from nobody else. It gives the name of its
// process, and where it is asked.
func StartBeside(ctx context.Context, lab *part.Lab, b branch.Branch) (process, url string, err error) {
	process = processName + "-" + b.Namespace
	return process, urlAt(b.Old), start(ctx, lab, process, b.Old)
}

func start(ctx context.Context, lab *part.Lab, process string, at network.Host) error {
	server := Server{Dir: lab.StatePath(process), Listen: net.JoinHostPort(at.Address.String(), port),
		Every: time.Second, Jobs: jobs(targetsFile(lab))}
	if err := server.Install(); err != nil {
		return err
	}
	args := server.Args()
	return lab.Start(ctx, part.Process{Name: process, Netns: at.Netns, Path: args[0], Args: args[1:],
		Ready: []string{urlAt(at) + "/-/ready"}, ReadyWithin: 30 * time.Second})
}

func targetsFile(lab *part.Lab) string { return lab.StatePath(processName, "pods.json") }

// jobs are what serves before a migration, by address, and the pods that the file of
// targets names.
func jobs(targets string) []Job {
	all := []Job{{Name: "pods", Files: []FileSD{{Files: []string{targets}}}}}
	for _, b := range branch.All() {
		all = append(all, Job{Name: b.Job, Static: []Group{{Targets: []string{net.JoinHostPort(b.Old.Address.String(), appPort)}}}})
	}
	return all
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
