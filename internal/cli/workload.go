package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/workload"
)

// workloadFlags are what workload is told beside its file.
type workloadFlags struct {
	policy string
	facts  []string
}

func (p *Program) workloadCommand() *cobra.Command {
	var f workloadFlags
	c := &cobra.Command{
		Use:   "workload FILE",
		Short: "Say whether a workload is a Deployment or a StatefulSet, and why",
		Long: `Takes the facts of the application on every machine that FILE declares, and decides by
the runbook's guide: stable storage of each pod, a stable identity, an ordered start; a
database, a queue or a cache; and the rule of thumb: if replacing one pod with an identical
pod from another node would lose data or need a person, it is a StatefulSet.

Every rule that fired comes with what was seen, what speaks against it comes too, and what
nobody saw is named. A StatefulSet is told whole: its volumes as large as what was measured
and why, its headless Service, how its pods are begun and replaced, and the operator that
would serve better where there is one.

With --facts it judges what rehome probe took earlier. It changes nothing.

Exit codes: 0 what is declared holds, or kind: auto can be decided; 3 the facts contradict
what is declared, or cannot say. A waiver of WORKLOAD-KIND counts.`,
		Example: `  rehome workload royal-bank-api.yaml
  rehome workload royal-bank-api.yaml --facts facts.json -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.workload(cmd.Context(), args[0], f)
		},
	}
	c.Flags().StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names)")
	c.Flags().StringArrayVar(&f.facts, "facts", nil, "judge these facts instead of taking them; may be given for several machines")
	return c
}

// workloadResult is the answer of workload.
type workloadResult struct {
	Migration string              `json:"migration"`
	Oldest    time.Time           `json:"oldest,omitzero"` // facts of any machine
	Workloads []workload.Decision `json:"workloads"`
}

func (p *Program) workload(ctx context.Context, file string, f workloadFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	in := readiness.Input{Spec: loaded.Spec, Policy: loaded.Policy, Attempt: 1, Now: p.now()}
	if err := p.said(ctx, &in); err != nil {
		return err
	}
	if len(f.facts) > 0 {
		in.Report, err = readFacts(f.facts)
	} else {
		ports, _ := p.Registry.Ports(loaded.Spec, loaded.Policy) // what is missing says so itself
		in.Report, err = p.inventoryOf(ctx, ports, loaded)
	}
	if err != nil {
		return err
	}
	r := workloadResult{Migration: loaded.Spec.Name, Oldest: oldestOf(in.Report), Workloads: workload.Of(loaded.Spec, in.Report)}
	ok := true
	for i := range r.Workloads {
		hold(&r.Workloads[i], in, r.Oldest)
		ok = ok && r.Workloads[i].Verdict.OK()
	}
	if err := p.emit(r, func(w io.Writer) { p.workloadText(w, r) }); err != nil {
		return err
	}
	if !ok {
		return silent(CodeBlocked)
	}
	return nil
}

// hold holds a decision to the policy: facts that are too old say nothing for what
// is declared, and what people let pass by name passes.
func hold(d *workload.Decision, in readiness.Input, oldest time.Time) {
	if age := in.Now.Sub(oldest); !oldest.IsZero() && age > in.Policy.EvidenceAge {
		d.Unknown = append(d.Unknown, fmt.Sprintf("what has changed since: the facts are %s old, the policy allows %s", span(age), span(in.Policy.EvidenceAge)))
		if d.Verdict == migration.Pass {
			d.Verdict, d.Remedy = migration.Unknown, "take the facts again: rehome probe"
		}
	}
	if d.Verdict.OK() {
		return
	}
	for _, w := range slices.Concat(in.Waivers, in.Policy.StandingWaivers) {
		if w.Covers(migration.CodeWorkloadKind, in.Attempt, in.Now) && (w.Migration == "" || w.Migration == in.Spec.Name) {
			d.Verdict = migration.Waived
			d.Remedy = fmt.Sprintf("%s let it pass until %s: %s", w.By, w.Until.UTC().Format(time.RFC3339), w.Reason)
		}
	}
}

// oldestOf is when the facts of any machine were complete, at the earliest.
func oldestOf(r inventory.Report) time.Time {
	var out time.Time
	for _, m := range r.Machines {
		if !m.Ended.IsZero() && (out.IsZero() || m.Ended.Before(out)) {
			out = m.Ended
		}
	}
	return out
}

// workloadText is the answer for people.
func (p *Program) workloadText(w io.Writer, r workloadResult) {
	for i, d := range r.Workloads {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s: %s\n", p.paint(styleHead, d.Workload), p.verdictMark(d.Verdict), kindText(d))
		fmt.Fprintf(w, "  Would replacing a pod by one from another node lose data or need a person?\n    %s\n", d.Thumb)
		findings(w, "Speaks for a StatefulSet", d.For)
		findings(w, "Speaks for a Deployment", d.Against)
		if len(d.Unknown) > 0 {
			fmt.Fprintln(w, "  Unknown")
			for _, u := range d.Unknown {
				fmt.Fprintf(w, "    %s\n", u)
			}
		}
		if d.StatefulSet != nil {
			statefulSetText(w, *d.StatefulSet)
		}
		if o := d.Operator; o != nil {
			fmt.Fprintf(w, "  %s %s would serve %s better: %s\n", p.paint(styleWarn, "Warning:"), o.Name, o.Store, o.Why)
		}
		if d.Remedy != "" {
			fmt.Fprintf(w, "  hint: %s\n", d.Remedy)
		}
	}
}

func kindText(d workload.Decision) string {
	said := string(d.Kind)
	if d.Kind == migration.KindAuto {
		said = "neither"
	}
	return fmt.Sprintf("declared %s, the facts say %s", d.Declared, said)
}

func findings(w io.Writer, title string, list []workload.Finding) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", title)
	for _, f := range list {
		fmt.Fprintf(w, "    %s: %s\n", f.Rule, f.Text)
		for i, e := range f.Evidence {
			if i == mostShown {
				fmt.Fprintf(w, "      and %d more: -o json\n", len(f.Evidence)-i)
				break
			}
			fmt.Fprintf(w, "      %s\n", e)
		}
	}
}

// mostShown is how much evidence of one rule is read; all of it is in the JSON form.
const mostShown = 8

func statefulSetText(w io.Writer, s workload.StatefulSet) {
	fmt.Fprintln(w, "  As a StatefulSet")
	for _, v := range s.Volumes {
		fmt.Fprintf(w, "    volume %s at %s, %s: %s\n", v.Name, v.Path, gib(v.SizeBytes), v.Why)
		fmt.Fprintf(w, "      class: %s\n", strings.TrimSpace(v.Class+" "+v.ClassWhy))
	}
	fmt.Fprintf(w, "    headless Service %s: it gives each pod a name of its own\n", s.Service)
	fmt.Fprintf(w, "    podManagementPolicy %s: %s\n", s.PodManagement, s.ManagementWhy)
	fmt.Fprintf(w, "    updateStrategy %s: %s\n", s.UpdateStrategy, s.UpdateWhy)
}

func gib(n int64) string {
	if n%(1<<30) == 0 {
		return fmt.Sprintf("%dGi", n>>30)
	}
	return fmt.Sprintf("%dMi", n>>20)
}
