// Package memory makes the drills of step stage where there is no cluster: each
// shows what it is told to, and all is well where nothing else is said.
//
// It must not know the procedure, nor decide what a result leads to.
package memory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Drills is an environment of pods that exist nowhere. It is safe for concurrent use.
type Drills struct {
	now func() time.Time

	mu        sync.Mutex
	shows     map[migration.StagingDrill]migration.DrillResult
	isolation migration.IsolationFacts
	lasts     time.Duration
	blind     string
	refused   string
	made      []migration.RunDrill
}

// New is an environment that talks to nothing and in which every drill passes.
func New(now func() time.Time) *Drills {
	return &Drills{now: now, shows: map[migration.StagingDrill]migration.DrillResult{}}
}

// Show lets a drill have this result from now on; the zero result is that it passes.
func (d *Drills) Show(drill migration.StagingDrill, res migration.DrillResult) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if res.Text == "" {
		delete(d.shows, drill)
		return
	}
	d.shows[drill] = res
}

// Reach says what the pods name and talk to from now on. A peer of which the
// machines' facts tell is production's, whatever f says.
func (d *Drills) Reach(f migration.IsolationFacts) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isolation = f
}

// Blind lets nobody see what the pods reach, and why; "" mends that.
func (d *Drills) Blind(why string) { d.mu.Lock(); defer d.mu.Unlock(); d.blind = why }

// Refuse lets no drill be begun, and why; "" mends that.
func (d *Drills) Refuse(why string) { d.mu.Lock(); defer d.mu.Unlock(); d.refused = why }

// Last lets every drill take so long.
func (d *Drills) Last(each time.Duration) { d.mu.Lock(); defer d.mu.Unlock(); d.lasts = each }

// Made are the drills that were made to their end.
func (d *Drills) Made() []migration.RunDrill {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.made)
}

// Isolation tells what Reach said.
func (d *Drills) Isolation(ctx context.Context, _ migration.Spec, _ migration.Policy, machines inventory.Report) (migration.IsolationFacts, error) {
	if err := ctx.Err(); err != nil {
		return migration.IsolationFacts{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.blind != "":
		return migration.IsolationFacts{}, errors.New(d.blind)
	case len(machines.Machines) == 0:
		return migration.IsolationFacts{}, errors.New("nothing is known of what the machines talk to")
	}
	used := addresses(machines)
	out := migration.IsolationFacts{Differences: slices.Clone(d.isolation.Differences)}
	for _, p := range d.isolation.Peers {
		p.Seen = slices.Clone(p.Seen)
		p.Production = p.Production || used[strings.ToLower(p.Address)]
		out.Peers = append(out.Peers, p)
	}
	slices.SortFunc(out.Peers, func(a, b migration.StagingPeer) int { return strings.Compare(a.Address, b.Address) })
	return out, nil
}

// addresses are what the machines were seen to dial, by address and by name.
func addresses(machines inventory.Report) map[string]bool {
	out := map[string]bool{}
	for _, m := range machines.Machines {
		for _, p := range m.Peers {
			if p.Direction != inventory.Dialled {
				continue
			}
			for _, host := range []string{p.Address, strings.TrimSuffix(p.Name, ".")} {
				if host != "" {
					out[strings.ToLower(net.JoinHostPort(host, strconv.Itoa(p.Port)))] = true
				}
			}
		}
	}
	return out
}

// well is what a drill shows of an application that is right.
var well = map[migration.StagingDrill]string{
	migration.DrillRoundTrip: "every mounted file is the machine's, byte for byte",
	migration.DrillDial:      "every peer that the machines dial answers a pod",
	migration.DrillTruth:     "the readiness path turned when what it tells of was taken away, and turned back",
	migration.DrillSession:   "a session that one pod gave holds on another",
	migration.DrillReplace:   "a pod was replaced, and nothing was lost",
	migration.DrillDrain:     "every pod was deleted under load, and none of 1500 requests failed",
	migration.DrillLogs:      "the log comes out of the container, and no file grows",
	migration.DrillReadOnly:  "nothing was written to the image's file system",
}

// shown is a piece of evidence of each.
var shown = map[migration.StagingDrill]string{
	migration.DrillRoundTrip: "the configuration directory: 14 files, 0 differ, 0 are missing",
	migration.DrillDial:      "192.0.2.30:5432 answers in 2 ms",
	migration.DrillTruth:     "200 before, 503 meanwhile, 200 behind it",
	migration.DrillSession:   "200 with the session, 401 without",
	migration.DrillReplace:   "ready again in 3 s",
	migration.DrillDrain:     "50 requests a second for 30 s, 1500 of 1500 answered",
	migration.DrillLogs:      "the smoke suite's requests stand in the container's log",
	migration.DrillReadOnly:  "0 bytes written to the writable layer",
}

// Drill takes as long as Last says, and shows what Show says. One that is ended
// before tells nothing.
func (d *Drills) Drill(ctx context.Context, spec migration.Spec, _ migration.Policy, a migration.RunDrill, _ inventory.Report) (migration.DrillResult, error) {
	_, known := spec.Workload(a.Workload)
	d.mu.Lock()
	res, odd := d.shows[a.Drill]
	lasts, refused := d.lasts, d.refused
	d.mu.Unlock()
	switch {
	case refused != "":
		return migration.DrillResult{}, errors.New(refused)
	case !known:
		return migration.DrillResult{}, fmt.Errorf("there is no workload %q", a.Workload)
	case well[a.Drill] == "":
		return migration.DrillResult{}, fmt.Errorf("there is no drill %q", a.Drill)
	case ctx.Err() != nil:
		return migration.DrillResult{}, ctx.Err()
	case !odd:
		res = migration.DrillResult{Verdict: migration.Pass, Text: well[a.Drill], Evidence: []string{shown[a.Drill]}}
	}
	res.Began = d.now()
	res.Drill, res.Workload, res.Digest = a.Drill, a.Workload, spec.WorkloadDigest(a.Env, a.Workload)
	if !wait(ctx, lasts) {
		res.Verdict, res.Text, res.Evidence, res.Remedy = migration.Unknown, "it was broken off: "+ctx.Err().Error(), nil, "make it again"
		return res, nil
	}
	res.Took = d.now().Sub(res.Began)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = append(d.made, a)
	return res, nil
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
