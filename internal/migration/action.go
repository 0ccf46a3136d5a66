package migration

import (
	"encoding/json"
	"fmt"
	"time"
)

// Target is the one outside thing that an action changes. At most one intent
// per target is ever pending.
type Target string

// Action is one effect on the outside world. Actions are values: two actions
// with the same fields have the same effect, and doing one twice is harmless.
type Action interface {
	Target() Target
	kind() string
}

// Purpose says what a change of records is for.
type Purpose string

// The purposes of a change of records.
const (
	ForRehearsal     Purpose = "rehearse"
	ForRehearsalBack Purpose = "rehearse-back"
	ForLowerTTL      Purpose = "lower-ttl"
	ForSwitch        Purpose = "switch"
	ForRollback      Purpose = "rollback"
	ForRestoreTTL    Purpose = "restore-ttl"
)

// SwapRecords replaces Before by After in one compare-and-swap. Both list whole
// sets; a set of Before without data must not exist, and one of After without
// data is removed. The generation record (DNS-REPLAY) is among them.
type SwapRecords struct {
	Zone     string  `json:"zone"`
	View     string  `json:"view"`
	Provider string  `json:"provider"`
	Purpose  Purpose `json:"purpose"`
	Before   []RRset `json:"before"`
	After    []RRset `json:"after"`
}

// Part is what of an application is applied or removed.
type Part string

// A workload is its pods and what they need; its exposure lets traffic in; its
// return path are forwarders to which the exposure can be turned.
const (
	PartWorkload   Part = "workload"
	PartExposure   Part = "exposure"
	PartReturnPath Part = "return-path"
	// PartSchedules are the jobs of a workload, no longer suspended. They stand with
	// the workload, and are never removed by themselves.
	PartSchedules Part = "schedules"
)

// Apply makes one workload's part in one environment be what the spec says.
// Digest is Spec.PartDigest, written as an
// annotation so that a later look can tell whether it was applied.
type Apply struct {
	Env      Env    `json:"env"`
	Part     Part   `json:"part"`
	Workload string `json:"workload"`
	Digest   string `json:"digest"`
}

// Remove deletes one workload's part in one environment, if rehome made it.
type Remove struct {
	Env      Env    `json:"env"`
	Part     Part   `json:"part"`
	Workload string `json:"workload"`
}

// Scale sets the number of replicas of one workload.
type Scale struct {
	Env      Env    `json:"env"`
	Workload string `json:"workload"`
	Replicas int32  `json:"replicas"`
}

// RunSmoke runs the smoke suite: through a port-forward to the pods, or against
// the production endpoint.
type RunSmoke struct {
	Env Env    `json:"env"`
	Via string `json:"via"`
}

// The two ways of a smoke test.
const (
	ViaPortForward = "port-forward"
	ViaProduction  = "production"
)

// SaveLogs keeps the last words of one workload's pods beside the incident.
type SaveLogs struct {
	Env      Env    `json:"env"`
	Workload string `json:"workload"`
	Incident string `json:"incident"`
}

// Target names the zone in its view; the purpose tells rehearsal from switch.
func (a SwapRecords) Target() Target { return Target("dns/" + ZoneKey(a.Zone, a.View)) }

// Target names the object in its environment.
func (a Apply) Target() Target { return objectTarget(a.Env, a.Part, a.Workload) }

// Target names the object in its environment.
func (a Remove) Target() Target { return objectTarget(a.Env, a.Part, a.Workload) }

// Target names the workload in its environment.
func (a Scale) Target() Target { return objectTarget(a.Env, PartWorkload, a.Workload) }

// Target names the suite: two runs of it at once would disturb each other.
func (a RunSmoke) Target() Target { return Target(fmt.Sprintf("smoke/%s/%s", a.Env, a.Via)) }

// Target names the saved file.
func (a SaveLogs) Target() Target {
	return Target(fmt.Sprintf("logs/%s/%s/%s", a.Env, a.Workload, a.Incident))
}

func objectTarget(e Env, p Part, w string) Target {
	return Target(fmt.Sprintf("cluster/%s/%s/%s", e, p, w))
}

// ZoneKey is how facts and targets name a zone in a view.
func ZoneKey(zone, view string) string {
	if view == "" || view == "default" {
		return zone
	}
	return zone + "@" + view
}

func (SwapRecords) kind() string { return "swap-records" }
func (Apply) kind() string       { return "apply" }
func (Remove) kind() string      { return "remove" }
func (Scale) kind() string       { return "scale" }
func (RunSmoke) kind() string    { return "run-smoke" }
func (SaveLogs) kind() string    { return "save-logs" }

// ActionName is the action's kind, for people and journals.
func ActionName(a Action) string { return a.kind() }

// Intent is an action that has been decided and journalled, before it is done.
// ID is unique in the journal of its migration.
type Intent struct {
	ID      string
	Attempt int
	Step    Step
	Fence   uint64
	At      time.Time
	Action  Action
}

// Target is the action's target.
func (i Intent) Target() Target { return i.Action.Target() }

type wireIntent struct {
	ID      string          `json:"id"`
	Attempt int             `json:"attempt"`
	Step    Step            `json:"step"`
	Fence   uint64          `json:"fence"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Action  json.RawMessage `json:"action"`
}

// MarshalJSON writes the action beside its kind.
func (i Intent) MarshalJSON() ([]byte, error) {
	if i.Action == nil {
		return nil, fmt.Errorf("intent %s has no action", i.ID)
	}
	a, err := json.Marshal(i.Action)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireIntent{i.ID, i.Attempt, i.Step, i.Fence, i.At, i.Action.kind(), a})
}

// UnmarshalJSON reads the action by its kind; an unheard-of kind is an error.
func (i *Intent) UnmarshalJSON(b []byte) error {
	var w wireIntent
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	a, err := decodeAction(w.Kind, w.Action)
	if err != nil {
		return fmt.Errorf("intent %s: %w", w.ID, err)
	}
	*i = Intent{w.ID, w.Attempt, w.Step, w.Fence, w.At, a}
	return nil
}

func decodeAction(kind string, b json.RawMessage) (Action, error) {
	switch kind {
	case SwapRecords{}.kind():
		return decodeAs[SwapRecords](b)
	case Apply{}.kind():
		return decodeAs[Apply](b)
	case Remove{}.kind():
		return decodeAs[Remove](b)
	case Scale{}.kind():
		return decodeAs[Scale](b)
	case RunSmoke{}.kind():
		return decodeAs[RunSmoke](b)
	case SaveLogs{}.kind():
		return decodeAs[SaveLogs](b)
	case RunDrill{}.kind():
		return decodeAs[RunDrill](b)
	case TurnReturnPath{}.kind():
		return decodeAs[TurnReturnPath](b)
	case TryReturnPath{}.kind():
		return decodeAs[TryReturnPath](b)
	}
	return nil, fmt.Errorf("unknown action %q", kind)
}

func decodeAs[A Action](b json.RawMessage) (Action, error) {
	var a A
	err := json.Unmarshal(b, &a)
	return a, err
}

// Outcome is how an intent ended. The zero value is OutcomeUnknown: a timeout
// says nothing, and is settled by observing.
type Outcome int

// The outcomes of an intent.
const (
	OutcomeUnknown Outcome = iota
	OutcomeDone
	OutcomeNotDone // nothing was changed
	OutcomeForeign // something else stands there; nothing was changed
)

var outcomeNames = [...]string{"unknown", "done", "not-done", "foreign"}

// String is the outcome in lower case.
func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText writes the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name; an unheard-of one is an error, because a wrong
// outcome would let an effect be forgotten.
func (o *Outcome) UnmarshalText(b []byte) error {
	for i, n := range outcomeNames {
		if n == string(b) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", b)
}

// Result is what an executed action reports besides its outcome.
type Result struct {
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took,omitempty"`
	Smoke  *SmokeResult  `json:"smoke,omitempty"`
	Drill  *DrillResult  `json:"drill,omitempty"`
	Trial  *TrialResult  `json:"trial,omitempty"`
	Files  []string      `json:"files,omitempty"`
}
