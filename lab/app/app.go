// Package app makes the application ready to be moved: its container images, a
// good and a bad release, and in the cluster the ConfigMap and the Secret that a
// person would have made from the machine's configuration.
//
// The application itself is package bank, and its life on the machine is package
// vm's.
package app

import (
	"context"
	"errors"
	"fmt"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/part"
)

// App is the part.
type App struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *App { return &App{lab} }

func (a *App) Name() string       { return "app" }
func (a *App) Packages() []string { return nil }

// Images are the two releases and the agent, each as repository@digest.
type Images struct {
	Good  string `json:"good"`
	Bad   string `json:"bad"`
	Agent string `json:"agent"` // of rehome, for looks from within pods
}

// ImagesFile is where Images are written as JSON.
func ImagesFile(lab *part.Lab) string { return lab.RunPath("images.json") }

// Up imports the images into the node and makes the configuration objects in both
// namespaces. Objects that are there already are brought up to date.
func (a *App) Up(ctx context.Context) error {
	var images Images
	for _, r := range releases {
		img, err := r.build(a.lab)
		if err != nil {
			return err
		}
		ref, err := cluster.Import(ctx, a.lab, img, repository+":"+r.tag)
		if err != nil {
			return err
		}
		*r.field(&images) = ref
	}
	agent, err := agentImage(ctx, a.lab)
	if err != nil {
		return err
	}
	if images.Agent, err = cluster.Import(ctx, a.lab, agent, agentRepository+":lab"); err != nil {
		return err
	}
	if err := part.WriteJSON(ImagesFile(a.lab), images, 0o644); err != nil {
		return err
	}
	if err := a.startDatabases(ctx); err != nil {
		return err
	}
	if err := a.startAnnexes(ctx); err != nil {
		return err
	}
	if err := a.applyConfiguration(ctx); err != nil {
		return err
	}
	a.lab.Progress.Say(a.Name(), "releases v1-good and v1-bad are on the node; digests: %s", ImagesFile(a.lab))
	return nil
}

// Down stops the annexes and the databases; images and objects go with the cluster.
func (a *App) Down(ctx context.Context) error {
	var errs []error
	for _, name := range processes() {
		if err := a.lab.Stop(ctx, name); !errors.Is(err, part.ErrUnknownProcess) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Status looks the objects up in the cluster.
func (a *App) Status(ctx context.Context) part.Status {
	looked := []string{branch.Head.Namespace, branch.Head.Staging()} // all were written by one command
	for _, namespace := range looked {
		_, err := cluster.Kubectl(ctx, a.lab, nil, "get", "--namespace", namespace,
			"configmap/"+configMapName, "secret/"+secretName, "--output=name", "--request-timeout=5s")
		if err != nil {
			return part.Status{State: part.StateDown, Detail: fmt.Sprintf("no configuration in %s", namespace)}
		}
	}
	if status := a.lab.StatusOf(processes()...); status.State != part.StateUp {
		return status
	}
	return part.Status{State: part.StateUp, Detail: "configuration is in " + fmt.Sprint(looked)}
}

func processes() []string {
	var names []string
	for _, b := range branch.Others {
		names = append(names, annexOf(b))
	}
	return append(names, databaseName, stagingDatabaseName)
}
