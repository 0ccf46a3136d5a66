package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/trace"
)

type judgeFlags struct {
	baseline, trace, policy string
	from, to                string
	every, window           time.Duration
}

func (p *Program) judgeCommand() *cobra.Command {
	var f judgeFlags
	c := &cobra.Command{
		Use:   "judge [FILE]",
		Short: "Judge recorded traffic, or an application's own past: would this policy have rolled back?",
		Long: `Judges traffic that was recorded, sample by sample, as the watch after a switch judges it.
It changes nothing and asks no cluster.

With --trace and --baseline it judges a file. A trace is a sample in each line, with the
counters of the new side, cumulative, and t in seconds from the switch:

    {"t":12.0,"requests":1200,"errors":3,"buckets":{"0.1":900,"0.25":1100,"+Inf":1200}}
    {"t":13.0,"missing":"connection refused"}

and a baseline is what the old side counted before:

    {"requests":90000,"errors":90,"buckets":{"0.1":81000,"+Inf":90000},"dispersion":1.2}

A counter that goes back was reset. A sample may also have "old", the counters of the old
side where it is still served beside the new one. The verdict is bad at the first sample
that proves it, otherwise the one of the last sample; t says when it fell.

With FILE it takes the old side's own traffic of the past from the migration's metrics
source, cuts it into windows as long as the policy's watch, and judges each of them against
the baseline before it: how often would this policy have rolled back a healthy week?

Exit codes: 0 good, or no window rolled back; 4 unresolved or blind, or no window judged;
5 bad, or a window rolled back.`,
		Example: `  rehome judge --baseline b.json --trace t.jsonl
  rehome judge --baseline b.json --trace - --policy policy.yaml -o json < t.jsonl
  rehome judge royal-bank-api.yaml --from 7d
  rehome judge royal-bank-api.yaml --from 2026-11-16 --to 2026-11-18 --window 30m --every 5m`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if f.trace != "" || f.baseline != "" {
					return usage("FILE is a migration's, and goes without --trace and --baseline").with("rehome judge --baseline b.json --trace t.jsonl, or rehome judge FILE --from 7d")
				}
				return p.judgePast(cmd.Context(), args[0], f)
			}
			for _, name := range []string{"from", "to", "every", "window"} {
				if cmd.Flags().Changed(name) {
					return usage("--%s needs a migration's FILE", name).with("rehome judge FILE --from 7d")
				}
			}
			return p.judgeTrace(f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "the file with what the old side counted")
	flags.StringVar(&f.trace, "trace", "", "the file with the samples; - is standard input")
	flags.StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names, or the runbook's numbers)")
	flags.StringVar(&f.from, "from", "7d", "where the past begins: a time, or a duration before --to such as 7d")
	flags.StringVar(&f.to, "to", "", "where it ends: a time, or a duration before now (default now)")
	flags.DurationVar(&f.window, "window", 0, "the length of each window (default the policy's watch)")
	flags.DurationVar(&f.every, "every", 0, "from the beginning of one window to that of the next (default its length)")
	return c
}

// judgement is what a trace amounts to, for those who read it.
type judgement struct {
	Verdict      analysis.VerdictKind `json:"verdict"`
	T            float64              `json:"t"`
	Metric       string               `json:"metric"`
	EValue       float64              `json:"eValue"`
	Needed       uint64               `json:"needed"`
	Requests     uint64               `json:"requests"`
	Errors       uint64               `json:"errors"`
	Rate         float64              `json:"rate"`
	BaselineRate float64              `json:"baselineRate"`
	Dispersion   float64              `json:"dispersion"`
	Samples      int                  `json:"samples"`
	Missing      int                  `json:"missing"`
	FromZero     bool                 `json:"countersFromZero"`
	Latency      bool                 `json:"latencyJudged"`
	Weaker       []string             `json:"weaker,omitempty"` // numbers than the runbook's
	Why          string               `json:"why"`
	Exit         Code                 `json:"exit"`

	base  analysis.Baseline
	since float64 // when the new side was last seen; of a blind verdict
}

func (p *Program) judgeTrace(f judgeFlags) error {
	if f.trace == "" || f.baseline == "" {
		return usage("judge needs --trace and --baseline, or a migration's FILE").with("rehome judge --baseline b.json --trace t.jsonl, or rehome judge FILE --from 7d")
	}
	policy, err := policyOr(f.policy, migration.DefaultPolicy())
	if err != nil {
		return err
	}
	base, err := readBaseline(f.baseline)
	if err != nil {
		return err
	}
	samples, err := p.readTrace(f.trace)
	if err != nil {
		return err
	}
	cfg := runbook.JudgeConfig(policy, "", base)
	j := trace.Judge(cfg, base, samples)
	v := judgement{
		Verdict: j.Verdict.Kind, T: j.T, Metric: j.Verdict.Metric, EValue: j.Verdict.EValue, Needed: j.Verdict.Needed,
		Requests: j.Verdict.Requests, Errors: j.Verdict.Errors, Rate: j.Verdict.Rate, BaselineRate: j.Verdict.BaselineRate,
		Dispersion: base.Dispersion, Samples: j.Samples, Missing: j.Missing, FromZero: j.FromZero, Latency: cfg.LatencyFactor != 0,
		Weaker: policy.Shortened(), Why: j.Verdict.Why, Exit: codeOf(j.Verdict.Kind), base: base,
	}
	if v.Verdict == analysis.Blind {
		v.since = trace.Seconds(j.Verdict.Since)
	}
	if err := p.emit(v, func(w io.Writer) { p.judgementText(w, v) }); err != nil || v.Exit == CodeDone {
		return err
	}
	return silent(v.Exit)
}

// codeOf is the exit code of a verdict: what a run would have come to.
func codeOf(k analysis.VerdictKind) Code {
	switch k {
	case analysis.Good:
		return CodeDone
	case analysis.Bad:
		return CodeRolledBack
	}
	return CodeWaiting
}

// policyOr is the policy of the file, or the other one where none is named.
func policyOr(file string, other migration.Policy) (migration.Policy, error) {
	if file == "" {
		return other, nil
	}
	return config.LoadPolicy(file)
}

func readBaseline(file string) (analysis.Baseline, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return analysis.Baseline{}, failed("read the baseline: %w", err).with(`write one: {"requests":90000,"errors":90}`)
	}
	b, err := trace.ReadBaseline(file, text)
	return b, mistakes(err)
}

func (p *Program) readTrace(file string) ([]analysis.Sample, error) {
	if file == "-" {
		if p.Stdin == nil {
			return nil, usage("there is no standard input").with("name a file with --trace")
		}
		samples, err := trace.Read("standard input", p.Stdin)
		return samples, mistakes(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, failed("read the trace: %w", err).with(`write a sample in each line: {"t":1.0,"requests":100,"errors":0}`)
	}
	samples, err := trace.Read(file, bytes.NewReader(text))
	return samples, mistakes(err)
}

// mistakes are those of a file, as all files' are told.
func mistakes(err error) error {
	var list trace.Errors
	if !errors.As(err, &list) {
		return err
	}
	out := make(config.Errors, 0, len(list))
	for _, m := range list {
		out = append(out, config.Error{File: m.File, Line: m.Line, Column: m.Column, Field: m.Field, Problem: m.Problem, Remedy: m.Remedy})
	}
	return out
}
