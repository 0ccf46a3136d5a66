package engine

import (
	"context"
	"errors"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Journal keeps the records of every migration. All its methods are safe for
// several processes at once.
type Journal interface {
	// Append adds records behind prev in one step. The caller has sealed them
	// (journal.Seal). ErrMoved: the head is not prev, fold again. ErrFenced: an
	// acting record carries a fence that is not the current one. A record whose
	// kind raises the fence ends the lease in the same step. After any error
	// nothing was added, except where the error is a timeout: then Read tells.
	Append(ctx context.Context, key string, prev migration.Head, recs ...migration.Record) (migration.Head, error)
	// Read gives the records of key after seq, in order. What it gives is whole:
	// a damaged journal is ErrDamaged, with the intact prefix returned beside it.
	Read(ctx context.Context, key string, after uint64) ([]migration.Record, error)
	// List names every migration that has records, sorted.
	List(ctx context.Context) ([]string, error)
	// Acquire takes or renews the lease on acting. *HeldError: somebody else
	// holds it. A new holder gets a fence higher than every one before; a holder
	// that renews keeps his.
	Acquire(ctx context.Context, key, holder string, ttl time.Duration) (uint64, error)
	// Release gives the lease back, if holder has it.
	Release(ctx context.Context, key, holder string) error
	Close() error
}

// Errors of a Journal.
var (
	ErrMoved   = errors.New("the journal has moved on")
	ErrFenced  = errors.New("another process has taken over")
	ErrDamaged = errors.New("the journal is damaged")
)

// HeldError says who has the lease, and until when unless he renews it.
type HeldError struct {
	Holder string
	Until  time.Time
}

// Error names the holder.
func (e *HeldError) Error() string {
	return "another process is driving this migration: " + e.Holder + ", until " + e.Until.Format(time.RFC3339)
}

// DNS observes and changes the records of one provider.
type DNS interface {
	// Observe asks every authoritative server of the zone, at each of its
	// addresses, for every set (A, AAAA, CNAME, HTTPS, SVCB, TXT) of the names.
	// A server that does not answer is in the facts with its error; only when
	// nothing can be asked at all is there an error.
	Observe(ctx context.Context, zone, view string, names []string) (migration.ZoneFacts, error)
	// Swap makes one compare-and-swap of all sets at once. OutcomeForeign: the
	// sets are not Before, nothing was changed. OutcomeNotDone comes with the
	// error that refused it (key, permission). OutcomeUnknown comes with an
	// error: it may or may not have happened.
	Swap(ctx context.Context, change migration.SwapRecords) (migration.Outcome, error)
}

// Cluster observes and changes one Kubernetes cluster. Where an effect is
// uncertain its outcome is OutcomeUnknown, with an error.
type Cluster interface {
	Observe(ctx context.Context, spec migration.Spec, env migration.Env) (migration.ClusterFacts, error)
	Apply(ctx context.Context, spec migration.Spec, a migration.Apply) (migration.Outcome, error)
	Remove(ctx context.Context, spec migration.Spec, a migration.Remove) (migration.Outcome, error)
	Scale(ctx context.Context, spec migration.Spec, a migration.Scale) (migration.Outcome, error)
	// Turn lets the exposure of a workload lead to one side. OutcomeForeign: it leads
	// to neither, and is not taken by force on the way to the new side.
	Turn(ctx context.Context, spec migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error)
	// Forward opens a way to one ready pod of the workload's first port and
	// gives the base URL at which it can be reached, until closed.
	Forward(ctx context.Context, spec migration.Spec, env migration.Env, workload string) (url string, closed func(), err error)
	// Logs gives the last lines of every container of the workload's pods, by
	// "pod/container".
	Logs(ctx context.Context, spec migration.Spec, env migration.Env, workload string, lines int64) (map[string][]byte, error)
}

// Metrics reads raw counters of both sides.
type Metrics interface {
	// Sample reads the counters now. A side that cannot be read makes the
	// sample Missing, with the reason; that is not an error.
	Sample(ctx context.Context, m migration.Metrics, at time.Time) analysis.Sample
	// Baseline sums what the old side did in the time before at.
	Baseline(ctx context.Context, m migration.Metrics, at time.Time, over time.Duration) (analysis.Baseline, error)
}

// Machines takes the facts of the application on every machine that a migration
// names, for as long as the policy says, and changes nothing there. A machine
// that cannot be reached is in the report as one of which there are no facts;
// only where none could be tried at all is there an error.
type Machines interface {
	Inventory(ctx context.Context, spec migration.Spec, policy migration.Policy) (inventory.Report, error)
}

// Images says what the image of a workload stands on. Where nothing tells, the
// error says so.
type Images interface {
	Base(ctx context.Context, w migration.Workload, policy migration.Policy) (migration.BaseFacts, error)
}

// Drills makes the experiments of step stage, in the staging environment.
type Drills interface {
	// Isolation looks at what the pods of staging name and talk to, and changes
	// nothing. The report tells what the machines were seen to talk to; it may be
	// empty, and then no peer is known to be production's: the facts say so by an
	// error.
	Isolation(ctx context.Context, spec migration.Spec, policy migration.Policy, machines inventory.Report) (migration.IsolationFacts, error)
	// Drill makes one experiment. What it took away it has given back when it
	// returns, also where ctx ended. An error means that it could not be begun; an
	// experiment that told nothing is a result that is Unknown.
	Drill(ctx context.Context, spec migration.Spec, policy migration.Policy, a migration.RunDrill, machines inventory.Report) (migration.DrillResult, error)
}

// Prober makes the product's own requests: by address, with the production name
// as Host. Every address must answer for OK.
type Prober interface {
	Probe(ctx context.Context, side migration.Side, host string, addresses []string, port int, path string) (migration.ProbeFacts, error)
}

// Loader asks the probe path of the old entry at every address of a balancer for a time,
// at a constant rate in sum, with host as Host. An answer is well that has the status of
// the old entry's own. An error means that no load could be begun.
type Loader interface {
	Load(ctx context.Context, host string, addresses []string, port int, rate float64, over time.Duration, old migration.OldEntry) (migration.TrialResult, error)
}

// Smoker runs the smoke suite against a base URL, with host as the Host header
// where it is not empty.
type Smoker interface {
	Smoke(ctx context.Context, s migration.Smoke, via, baseURL, host string) (migration.SmokeResult, error)
}

// Archive keeps files for people: incidents, saved logs. The paths that it
// returns are what reports name.
type Archive interface {
	// Incident writes the incident at once, before the journal is asked.
	Incident(ctx context.Context, key string, inc migration.Incident) (string, error)
	// Logs keeps pods' last words.
	Logs(ctx context.Context, key, incident, name string, text []byte) (string, error)
}

// Clock is the time of the engine: the system's, or a virtual one.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, whichever is first.
	Sleep(ctx context.Context, d time.Duration) error
}
