package migration

import (
	"fmt"
	"time"
)

// Policy holds an organisation's numbers and the places that it works with.
// Durations are exact; ErrorTolerance is a share (0.001 = 0.1 percentage points).
type Policy struct {
	Name            string        `json:"name"`
	TTL             uint32        `json:"ttl"`            // seconds, before the window
	Lead            time.Duration `json:"lead"`           // TTL low before the window
	Watch           time.Duration `json:"watch"`          // judgement after the switch
	RestartFree     time.Duration `json:"restartFree"`    // no pod restarts after the switch
	Hold            time.Duration `json:"hold"`           // stable operation before retirement
	Residual        time.Duration `json:"residual"`       // silence of the old side before retirement
	ErrorTolerance  float64       `json:"errorTolerance"` // share above the baseline
	LatencyFactor   float64       `json:"latencyFactor"`  // of the baseline's p99
	Alpha           float64       `json:"alpha"`          // chance of ever rolling back a healthy move
	SampleEvery     time.Duration `json:"sampleEvery"`    // one look at the metrics
	WarmUp          time.Duration `json:"warmUp"`         // latency excluded, errors never
	BlindAsk        time.Duration `json:"blindAsk"`       // blindness after which a person is asked
	BlindRollback   time.Duration `json:"blindRollback"`  // blindness after which failing probes roll back
	BalancerClean   time.Duration `json:"balancerClean"`  // LB-WARM
	BaselineFor     time.Duration `json:"baselineFor"`    // how far back the baseline reaches
	BaselineMin     uint64        `json:"baselineMin"`    // requests
	EvidenceAge     time.Duration `json:"evidenceAge"`    // STALE-EVIDENCE
	Propagation     time.Duration `json:"propagation"`    // every name server serves a change
	Rollout         time.Duration `json:"rollout"`        // pods ready after an apply
	Drain           time.Duration `json:"drain"`          // bound on the new side's own traffic
	RollbackBudget  time.Duration `json:"rollbackBudget"` // kept free at the window's end
	OnBad           OnBad         `json:"onBad"`          // rollback, or a bounded repair first
	FixFor          time.Duration `json:"fixFor"`         // bound on the repair
	SelfApproval    bool          `json:"selfApproval"`   // may the one who runs it approve it
	ApprovedBases   []string      `json:"approvedBases"`  // image base prefixes
	Mesh            string        `json:"mesh"`           // "" or istio
	DNSProviders    []Connection  `json:"dnsProviders"`
	Clusters        []Connection  `json:"clusters"`
	MetricsSources  []Connection  `json:"metricsSources"`
	StandingWaivers []Waiver      `json:"standingWaivers"`   // organisation-wide, each with reason and end
	Freezes         []Freeze      `json:"freezes,omitempty"` // nothing is switched in them
	ProbeFor        time.Duration `json:"probeFor"`          // how long facts are taken on the machines
	ProbeEvery      time.Duration `json:"probeEvery"`        // one sample
	ResourceMargin  float64       `json:"resourceMargin"`    // requests and limits above what was measured
	SSH             SSH           `json:"ssh"`
	AgentImage      string        `json:"agentImage,omitempty"` // by digest: with it drills look from within a pod, and forwarders run
	Trial           time.Duration `json:"trial,omitempty"`      // how long load is sent through the return path
}

// Freeze is a time in which nothing is switched, but for the migrations that it
// excepts by name.
type Freeze struct {
	Name   string    `json:"name"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Except []string  `json:"except,omitempty"`
}

// SSH says how machines are reached. Paths only: a key is never in a policy.
type SSH struct {
	User           string `json:"user,omitempty"`
	IdentityFile   string `json:"identityFile,omitempty"`
	KnownHostsFile string `json:"knownHostsFile,omitempty"`
	Sudo           bool   `json:"sudo,omitempty"` // facts are taken with sudo -n
}

// OnBad is what a bad verdict leads to.
type OnBad string

// OnBadRollback turns back at once; OnBadFix gives a person FixFor first.
const (
	OnBadRollback OnBad = "rollback"
	OnBadFix      OnBad = "fix-for"
)

// Connection names an outside system. Settings hold addresses and references to
// secrets (a file's path, a variable's name), never a secret's value.
type Connection struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Settings map[string]string `json:"settings"`
}

// DefaultPolicy has the runbook's numbers.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default",
		TTL:  60, Lead: 24 * time.Hour, Watch: 15 * time.Minute, RestartFree: 10 * time.Minute,
		Hold: 72 * time.Hour, Residual: 24 * time.Hour,
		ErrorTolerance: 0.001, LatencyFactor: 1.2, Alpha: 0.001,
		SampleEvery: 5 * time.Second, WarmUp: time.Minute,
		BlindAsk: 5 * time.Minute, BlindRollback: 10 * time.Minute,
		BalancerClean: 3 * time.Minute, BaselineFor: time.Hour, BaselineMin: 10_000,
		EvidenceAge: 24 * time.Hour, Propagation: 5 * time.Minute, Rollout: 10 * time.Minute,
		Drain: 2 * time.Minute, RollbackBudget: 15 * time.Minute,
		OnBad: OnBadRollback, FixFor: 15 * time.Minute,
		ProbeFor: time.Minute, ProbeEvery: time.Second, ResourceMargin: 0.3,
		Trial: 10 * time.Second,
	}
}

// Shortened lists every number of p that is weaker than the runbook's, in the
// runbook's order. What it returns is printed on everything that p touched.
func (p Policy) Shortened() []string {
	d := DefaultPolicy()
	var out []string
	shorter := func(what string, have, want time.Duration) {
		if have < want {
			out = append(out, fmt.Sprintf("%s %s instead of %s", what, have, want))
		}
	}
	shorter("lead", p.Lead, d.Lead)
	shorter("watch", p.Watch, d.Watch)
	shorter("restart-free", p.RestartFree, d.RestartFree)
	shorter("hold", p.Hold, d.Hold)
	shorter("residual", p.Residual, d.Residual)
	shorter("balancer clean", p.BalancerClean, d.BalancerClean)
	shorter("return path's trial", p.Trial, d.Trial)
	if p.ErrorTolerance > d.ErrorTolerance {
		out = append(out, fmt.Sprintf("error tolerance %g instead of %g", p.ErrorTolerance, d.ErrorTolerance))
	}
	if p.LatencyFactor > d.LatencyFactor {
		out = append(out, fmt.Sprintf("latency factor %g instead of %g", p.LatencyFactor, d.LatencyFactor))
	}
	if p.BaselineMin < d.BaselineMin {
		out = append(out, fmt.Sprintf("baseline of %d requests instead of %d", p.BaselineMin, d.BaselineMin))
	}
	return out
}
