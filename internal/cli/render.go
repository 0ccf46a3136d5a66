package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/render"
)

// renderFlags are what render is told beside its file.
type renderFlags struct {
	policy string
	facts  []string
	quota  string
	out    string
	dry    bool
}

func (p *Program) renderCommand() *cobra.Command {
	var f renderFlags
	c := &cobra.Command{
		Use:   "render FILE --out DIR",
		Short: "Write all manifests for review, without secrets",
		Long: `Writes the manifests of the migration that FILE declares: a Kustomize base, and overlays for
staging and production. Building an overlay gives the objects that rehome run applies, and
what stands beside them: budget, autoscaler, network policy, service account, jobs. The same
input gives the same bytes. Objects refer to Secrets by name; no value is ever written.

With --facts, what FILE leaves open is taken from what rehome probe took: the kind, resources
from the profile under load, the startup probe from the measured boot, the drain, the
exceptions that a low port needs, directories that are written, peers, times and commands of
jobs. What FILE declares goes before. Each value says where it is from, in the files and in
the result. rehome run applies what FILE declares: write into it what you want to keep.

With --policy, the policy's cluster is asked what the quotas of both namespaces leave, for
every pod at once and one more in a rolling update; with --quota, a file tells. Without
either no cluster is asked, and no quota compared.

DIR is replaced as a whole. One that holds anything else is refused.

Exit codes: 0 written, or shown with --dry-run; 3 written, and not whole or too large for a
quota.`,
		Example: `  rehome render royal-bank-api.yaml --out deploy
  rehome render royal-bank-api.yaml --facts facts.json --out deploy --dry-run
  kubectl diff -k deploy/overlays/production
  kubectl get resourcequota -n royal-bank -o json > quota.json
  rehome render royal-bank-api.yaml --out deploy --quota quota.json
  rehome render royal-bank-api.yaml --out deploy --policy policy.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.out == "" {
				return usage("--out is missing").with("name the directory to write to: --out deploy")
			}
			return p.render(cmd.Context(), args[0], f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names); where given, its cluster is asked for quotas")
	flags.StringArrayVar(&f.facts, "facts", nil, "take what FILE leaves open from these facts; may be given for several machines")
	flags.StringVar(&f.quota, "quota", "", "check against these quotas of the production namespace: kubectl get resourcequota -o json")
	flags.StringVar(&f.out, "out", "", "the directory to write to")
	flags.BoolVar(&f.dry, "dry-run", false, "say what would change in the directory, and write nothing")
	_ = c.MarkFlagDirname("out")
	return c
}

// renderResult is the answer of render.
type renderResult struct {
	Migration string          `json:"migration"`
	Out       string          `json:"out"`
	Written   bool            `json:"written"`
	Files     []render.Change `json:"files"`
	render.Result
}

func (p *Program) render(ctx context.Context, file string, f renderFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	in := render.Input{Spec: loaded.Spec, File: file}
	if err := p.renderFrom(ctx, &in, loaded, f); err != nil {
		return err
	}
	done, err := render.Render(in)
	if err != nil {
		return failed("render %s: %w", file, err).with("say it in %s, or give facts that tell it with --facts", file)
	}
	if f.policy != "" && f.quota == "" {
		p.weigh(ctx, &done, loaded.Policy)
	}
	r := renderResult{Migration: loaded.Spec.Name, Out: f.out, Written: !f.dry, Result: done}
	write := render.Write
	if f.dry {
		write = render.Compare
	}
	r.Files, err = write(loaded.Spec.Name, f.out, done.Files)
	if errors.Is(err, render.ErrForeign) {
		return failed("write manifests: %w", err).with("name a directory of their own, or remove it: nothing was changed")
	}
	if err != nil {
		return failed("write manifests: %w", err).with("the directory and the one that it is in must be writable")
	}
	if err := p.emit(r, func(w io.Writer) { p.renderText(w, r) }); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Notes, func(n render.Note) bool { return n.Blocks }) {
		return silent(CodeBlocked)
	}
	return nil
}

// weigh asks the policy's cluster what the quotas of both namespaces leave.
func (p *Program) weigh(ctx context.Context, done *render.Result, policy migration.Policy) {
	ports, _ := p.Registry.Ports(done.Spec, policy) // what is missing says so itself
	for _, env := range []migration.Env{migration.Staging, migration.Production} {
		seen, err := ports.Cluster.Observe(ctx, done.Spec, env)
		if err != nil {
			done.Unweighed(env, err)
			continue
		}
		done.Weigh(env, seen.Quotas)
	}
}

// renderFrom reads what beside the migration it is rendered from.
func (p *Program) renderFrom(ctx context.Context, in *render.Input, loaded config.Loaded, f renderFlags) error {
	if len(f.facts) > 0 {
		report, err := readFacts(f.facts)
		if err != nil {
			return err
		}
		judged := readiness.Input{Spec: loaded.Spec, Policy: loaded.Policy, Report: report, Attempt: 1, Now: p.now()}
		if err := p.said(ctx, &judged); err != nil {
			return err
		}
		in.Report, in.Profile = &report, readiness.Judge(judged).Resources
	}
	if f.quota == "" {
		return nil
	}
	data, err := os.ReadFile(f.quota)
	if err != nil {
		return failed("read the quotas: %w", err).with("kubectl get resourcequota -n %s -o json > %s", loaded.Spec.Target.Namespace, f.quota)
	}
	in.Quotas, err = quotasOf(data, loaded.Spec.Target.Namespace)
	if err != nil {
		return failed("%s %w", f.quota, err).with("kubectl get resourcequota -n %s -o json > %s", loaded.Spec.Target.Namespace, f.quota)
	}
	return nil
}

// quotasOf reads what kubectl writes of the ResourceQuotas of a namespace.
func quotasOf(data []byte, namespace string) ([]migration.QuotaFacts, error) {
	var list struct {
		Kind  string `json:"kind"`
		Items []struct {
			Metadata struct{ Name, Namespace string } `json:"metadata"`
			Status   struct{ Hard, Used map[string]string }
		} `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("is no list of quotas: %w", err)
	}
	if !strings.HasSuffix(list.Kind, "List") {
		return nil, fmt.Errorf("is no list of quotas, but %q", list.Kind)
	}
	var out []migration.QuotaFacts
	for _, q := range list.Items {
		if q.Metadata.Namespace != "" && q.Metadata.Namespace != namespace {
			continue
		}
		for _, r := range slices.Sorted(maps.Keys(q.Status.Hard)) {
			used := q.Status.Used[r]
			if used == "" {
				used = "0"
			}
			out = append(out, migration.QuotaFacts{Quota: q.Metadata.Name, Resource: r, Used: used, Hard: q.Status.Hard[r]})
		}
	}
	return out, nil
}

// renderText is the answer for people.
func (p *Program) renderText(w io.Writer, r renderResult) {
	verb := "wrote"
	if !r.Written {
		verb = "would write"
	}
	fmt.Fprintf(w, "%s: %s %d files to %s\n", p.paint(styleHead, r.Migration), verb, len(r.Result.Files), r.Out)
	same := 0
	for _, f := range r.Files {
		switch f.Change {
		case "same":
			same++
		case "new":
			fmt.Fprintf(w, "  %s %s (%d lines)\n", p.paint(styleGood, "+"), f.Path, f.Added)
		case "removed":
			fmt.Fprintf(w, "  %s %s\n", p.paint(styleBad, "-"), f.Path)
		default:
			fmt.Fprintf(w, "  %s %s (+%d -%d)\n", p.paint(styleWarn, "~"), f.Path, f.Added, f.Removed)
		}
	}
	if same > 0 {
		fmt.Fprintf(w, "  %d unchanged\n", same)
	}
	open := slices.DeleteFunc(slices.Clone(r.Choices), func(c render.Choice) bool { return c.From != render.FromFacts })
	if len(open) > 0 {
		fmt.Fprintln(w, "Taken from facts, and not declared:")
	}
	for _, c := range open {
		fmt.Fprintf(w, "  %s %s: %s: %s\n", c.Workload, c.Field, c.Value, c.Why)
	}
	for _, h := range r.Quota {
		if h.Fits {
			fmt.Fprintf(w, "  %s\n", h.Text)
		}
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(w, "To know:")
	}
	for _, n := range r.Notes {
		style := styleWarn
		if n.Blocks {
			style = styleBad
		}
		fmt.Fprintf(w, "  %s %s\n", p.paint(style, string(n.Code)+":"), strings.TrimSpace(n.Workload+" "+n.Text))
	}
	if r.Written {
		fmt.Fprintf(w, "to see what the cluster says: kubectl diff -k %s/overlays/production\n", strings.TrimSuffix(r.Out, "/"))
	}
}
