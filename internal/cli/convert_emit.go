package cli

import (
	"context"
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/wire"
)

// The ways in which a cluster gets from a vault what it mounts.
const (
	emitExternal = "external-secret"
	emitInjector = "injector"
)

// checkEmit finds what is wrong with the flags of a vault.
func (f *convertFlags) checkEmit() error {
	stores := 0
	for _, s := range []string{f.secretStore, f.clusterStore} {
		if s != "" {
			stores++
		}
	}
	switch {
	case f.secrets == storeVault && !strings.Contains(strings.Trim(f.vaultPath, "/"), "/"):
		return usage("--secrets vault needs --vault-path MOUNT/PATH").with("an engine of keys and values, version 2, and a path in it: kv/apps/%s", f.name)
	case f.secrets != storeVault && f.vaultPath != "":
		return usage("--vault-path needs --secrets vault")
	case f.emit != "" && f.emit != emitExternal && f.emit != emitInjector:
		return usage("--emit %s: there are external-secret and injector", f.emit)
	case f.emit != "" && f.secrets != storeVault:
		return usage("--emit %s needs --secrets vault", f.emit)
	case f.emit == emitExternal && stores != 1:
		return usage("--emit external-secret needs --secret-store or --cluster-secret-store").with("kubectl get secretstores,clustersecretstores -A names those of the cluster")
	case f.emit != emitExternal && stores > 0:
		return usage("--secret-store and --cluster-secret-store need --emit external-secret")
	case f.emit == emitInjector && f.vaultRole == "":
		return usage("--emit injector needs --vault-role").with("the role of the vault's method kubernetes that the pod's account may take")
	case f.emit != emitInjector && f.vaultRole != "":
		return usage("--vault-role needs --emit injector")
	case f.emit == emitInjector && f.extract:
		return usage("--extract and --emit injector exclude each other: the agent writes files, and sets no variables")
	case (f.kubeconfig != "" || f.kubecontext != "") && !f.apply && f.emit != emitExternal:
		return usage("--kubeconfig and --context need --apply or --emit external-secret")
	}
	return nil
}

// emitted adds what brings the values from the vault to the pod: an ExternalSecret for
// each Secret, in the version that the cluster serves, or the annotations of a pod.
func (p *Program) emitted(ctx context.Context, w *outWriter, plan convert.Plan, f convertFlags) error {
	switch f.emit {
	case emitExternal:
		return p.external(ctx, w, plan, f)
	case emitInjector:
		return injected(w, plan, f)
	}
	return nil
}

func (p *Program) external(ctx context.Context, w *outWriter, plan convert.Plan, f convertFlags) error {
	served, err := wire.ServedExternalSecrets(ctx, f.clusterSettings())
	if err != nil {
		return failed("look up which version of ExternalSecret the cluster serves: %w", stoppedOr(ctx, err)).with("%s", firstOf(hintFor(err), "name the cluster with --kubeconfig and --context"))
	}
	_, path, _ := strings.Cut(f.vaultPath, "/")
	o := wire.ExternalOptions{Store: f.secretStore, Path: path, Owner: f.name}
	if f.clusterStore != "" {
		o.Store, o.Cluster = f.clusterStore, true
	}
	all, err := wire.ExternalSecrets(plan.Objects, served, o)
	if err != nil {
		return err
	}
	for i, m := range all {
		name := "externalsecret.yaml"
		if i > 0 {
			name = fmt.Sprintf("externalsecret-%d.yaml", i+1)
		}
		w.files[name] = m.YAML
	}
	return nil
}

// annotationsFile is what a pod needs for the vault's agent.
const annotationsFile = "annotations.yaml"

func injected(w *outWriter, plan convert.Plan, f convertFlags) error {
	mount, path, _ := strings.Cut(f.vaultPath, "/")
	o := wire.InjectOptions{Role: f.vaultRole, Mount: mount, Path: path, Dir: f.mount}
	for _, m := range plan.Mounts {
		for _, i := range m.Items {
			mode := i.Mode
			if plan.FSGroup {
				mode |= 0o440
			}
			o.Files = append(o.Files, wire.InjectFile{Object: m.Name, Key: i.Key, Path: i.Path, Mode: mode})
		}
	}
	all, err := wire.InjectorAnnotations(plan.Objects, o)
	if err != nil {
		return err
	}
	w.add(annotationsFile, "# For a pod that somebody else writes: the vault's agent puts the files at "+f.mount+".\n", map[string]any{"metadata": map[string]any{"annotations": all}})
	return w.err
}
