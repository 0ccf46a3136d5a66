package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/wire"
)

// finding is one thing that doctor has looked at.
type finding struct {
	Part   string `json:"part"`
	Target string `json:"target"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// What an adapter may offer beyond its port, for doctor alone.
type (
	// updateChecker tries whether a zone would take a change, without making one.
	updateChecker interface {
		Check(ctx context.Context, zone string) error
	}
	// machineChecker reaches a machine as the probe does, and takes no facts.
	machineChecker interface {
		Check(ctx context.Context, m migration.VM, policy migration.Policy) (string, error)
	}
	// accessChecker asks which permissions are lacking in a namespace.
	accessChecker interface {
		Denied(ctx context.Context, spec migration.Spec, env migration.Env) ([]string, error)
	}
	// keeperChecker names who else keeps the workloads that are there as it wants them.
	keeperChecker interface {
		Kept(ctx context.Context, spec migration.Spec, env migration.Env) ([]string, error)
	}
)

// examineBound is how long one look of doctor may take.
const examineBound = 15 * time.Second

func (p *Program) doctorCommand() *cobra.Command {
	var policy string
	var rbac bool
	c := &cobra.Command{
		Use:   "doctor FILE",
		Short: "Reach every integration, and say what is missing",
		Long: `Reaches everything that the migration in FILE needs: the journal, every name server and a
signed update that changes nothing, the cluster and each permission in it, the metrics of
both sides, each machine, the old side itself. It changes nothing. Exit code 3 when something fails.

--rbac prints the least Roles that rehome needs in the two namespaces.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := config.Load(args[0], policy)
			if err != nil {
				return err
			}
			if rbac {
				return p.roles(loaded.Spec)
			}
			return p.doctor(cmd.Context(), loaded)
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "the policy's file (default the one that FILE names)")
	c.Flags().BoolVar(&rbac, "rbac", false, "print the least Roles for the cluster, and reach nothing")
	return c
}

func (p *Program) doctor(ctx context.Context, l config.Loaded) error {
	ports, err := p.Registry.Ports(l.Spec, l.Policy)
	_ = err // what could not be made says so itself, where it is looked at
	x := examiner{p: p, spec: l.Spec, policy: l.Policy, ports: ports}
	done := p.slowly("reaching every integration")
	all := x.all(ctx)
	done()
	if err := p.emit(all, func(w io.Writer) { p.findingsText(w, all) }); err != nil {
		return err
	}
	for _, f := range all {
		if !f.OK {
			return silent(CodeBlocked)
		}
	}
	return nil
}

func (p *Program) findingsText(w io.Writer, all []finding) {
	wide := 0
	for _, f := range all {
		wide = max(wide, len(f.Target))
	}
	for _, f := range all {
		mark := p.paint(styleGood, "ok    ")
		if !f.OK {
			mark = p.paint(styleBad, "failed")
		}
		fmt.Fprintf(w, "%s  %-8s  %-*s  %s\n", mark, f.Part, wide, f.Target, f.Detail)
		if f.Hint != "" {
			fmt.Fprintf(w, "%*s  hint: %s\n", 16+2+wide, "", f.Hint)
		}
	}
}

// roles prints the least Role of each namespace, as YAML that can be applied.
func (p *Program) roles(spec migration.Spec) error {
	var docs []string
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		var rules []map[string]any
		perms := wire.Permissions(spec)
		if env == migration.Staging {
			perms = append(perms, wire.DrillPermissions()...)
		}
		for _, perm := range perms {
			rule := map[string]any{"apiGroups": []string{perm.Group}, "resources": []string{perm.Resource}, "verbs": perm.Verbs}
			if len(perm.Names) > 0 {
				rule["resourceNames"] = perm.Names
			}
			rules = append(rules, rule)
		}
		b, err := yaml.Marshal(map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
			"metadata": map[string]any{"name": "rehome-" + spec.Name, "namespace": spec.Namespace(env)},
			"rules":    rules,
		})
		if err != nil {
			return err
		}
		docs = append(docs, string(b))
	}
	_, err := io.WriteString(p.Stdout, strings.Join(docs, "---\n"))
	return err
}
