package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/scan"
)

// What of a drill is journalled: so many pieces of evidence, each so long.
const (
	mostPieces = 20
	mostText   = 400
)

// machines are the facts of the machines as they were taken last; empty where
// none are known.
func (e *Engine) machines() inventory.Report {
	if !e.facts.Inventory.Known() {
		return inventory.Report{}
	}
	return e.facts.Inventory.Value
}

// isolation looks at what staging reaches. What it says of it is journalled, and
// therefore holds nothing that looks like a secret.
func (e *Engine) isolation(ctx context.Context) (migration.IsolationFacts, error) {
	f, err := e.ports.Drills.Isolation(ctx, e.state.Spec, e.state.Policy, e.machines())
	if err != nil {
		return migration.IsolationFacts{}, fmt.Errorf("%s", clean(err.Error()))
	}
	out := migration.IsolationFacts{Differences: cleaned(f.Differences)}
	for _, p := range f.Peers {
		p.Address, p.Kind, p.Seen = clean(p.Address), clean(p.Kind), cleaned(p.Seen)
		out.Peers = append(out.Peers, p)
	}
	return out, nil
}

// drill makes one experiment, and keeps the lease meanwhile. Where that is lost
// the experiment is ended, and has given back what it took away.
func (e *Engine) drill(ctx context.Context, a migration.RunDrill) (migration.Outcome, migration.Result, error) {
	began := e.ports.Clock.Now()
	res, err := e.attended(ctx, a, began)
	if err != nil {
		return migration.OutcomeNotDone, migration.Result{}, fmt.Errorf("the drill %s of %s: %s", a.Drill, a.Workload, clean(err.Error()))
	}
	res = e.journalled(a, res, began)
	return migration.OutcomeDone, migration.Result{Drill: &res}, nil
}

// attended makes the experiment while somebody else keeps the lease.
func (e *Engine) attended(ctx context.Context, a migration.RunDrill, began time.Time) (migration.DrillResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	done, kept := make(chan struct{}), make(chan struct{})
	defer func() {
		close(done)
		<-kept
		cancel()
	}()
	go func() {
		defer close(kept)
		// also behind the bound, while what was taken away is given back
		e.abide(context.WithoutCancel(ctx), done, func() string {
			return fmt.Sprintf("the drill %s of %s: %s of at most %s", a.Drill, a.Workload, e.ports.Clock.Now().Sub(began).Round(time.Second), bounds[migration.ActionName(a)])
		})
		if e.lost != nil {
			cancel()
		}
	}()
	return e.ports.Drills.Drill(ctx, e.state.Spec, e.state.Policy, a, e.machines())
}

// journalled is a result as the journal keeps it: of the drill that was asked for,
// bounded, and without what looks like a secret. A verdict that is no drill's to
// give is unknown.
func (e *Engine) journalled(a migration.RunDrill, res migration.DrillResult, began time.Time) migration.DrillResult {
	res.Drill, res.Workload = a.Drill, a.Workload
	if res.Verdict != migration.Pass && res.Verdict != migration.Fail {
		res.Verdict = migration.Unknown
	}
	if res.Digest == "" {
		res.Digest = e.state.Spec.WorkloadDigest(a.Env, a.Workload)
	}
	if res.Began.IsZero() {
		res.Began, res.Took = began, e.ports.Clock.Now().Sub(began)
	}
	res.Text, res.Remedy, res.Evidence = clean(res.Text), clean(res.Remedy), cleaned(res.Evidence)
	return res
}

// cleaned are texts without what looks like a secret, and not too many of them.
func cleaned(list []string) []string {
	out := slices.Clone(list[:min(len(list), mostPieces)])
	for i := range out {
		out[i] = clean(out[i])
	}
	if n := len(list) - len(out); n > 0 {
		out = append(out, fmt.Sprintf("and %d more", n))
	}
	return out
}

// clean is a text of one experiment without what looks like a secret, and not too
// long.
func clean(text string) string {
	b, _ := scan.Redact([]byte(text))
	if len(b) <= mostText {
		return string(b)
	}
	cut := []rune(string(b[:mostText]))
	if cut[len(cut)-1] == '\uFFFD' {
		cut = cut[:len(cut)-1] // in the middle of a letter
	}
	return string(cut) + "…"
}
