package runbook

import (
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// do carries an action out as the adapters' contracts say.
func (w *world) do(a migration.Action) (migration.Outcome, migration.Result) {
	switch a := a.(type) {
	case migration.SwapRecords:
		return w.swap(a), migration.Result{}
	case migration.RunSmoke:
		return migration.OutcomeDone, migration.Result{Smoke: &migration.SmokeResult{Via: a.Via, Ran: 3, Failed: w.smokeFails}}
	}
	if w.clusterErr != "" {
		return migration.OutcomeUnknown, migration.Result{Detail: w.clusterErr}
	}
	switch a := a.(type) {
	case migration.RunDrill:
		return w.drill(a)
	case migration.Apply:
		w.apply(a)
	case migration.Remove:
		w.remove(a.Env, a.Part, a.Workload)
	case migration.Scale:
		w.scale(a)
	case migration.TurnReturnPath:
		w.turn(a)
	case migration.TryReturnPath:
		return w.try(a)
	}
	return migration.OutcomeDone, migration.Result{}
}

// wellDrilled is what the drills of the example show.
var wellDrilled = map[migration.StagingDrill]string{
	migration.DrillRoundTrip: "14 files are the machine's, byte for byte",
	migration.DrillDial:      "all 3 peers of the machines answer a pod",
	migration.DrillTruth:     "the readiness path turned when the database was away, and turned back",
	migration.DrillSession:   "a session of one pod holds on the other",
	migration.DrillReplace:   "a pod was replaced, and nothing was lost",
	migration.DrillDrain:     "both pods were deleted under load, and none of 1500 requests failed",
	migration.DrillLogs:      "the log comes out of the container, and no file grows",
	migration.DrillReadOnly:  "nothing was written to the image's file system",
}

// drill shows what the world says of it.
func (w *world) drill(a migration.RunDrill) (migration.Outcome, migration.Result) {
	if w.undrillable != "" {
		return migration.OutcomeNotDone, migration.Result{Detail: w.undrillable}
	}
	res, odd := w.drilled[a.Drill]
	if !odd {
		res = migration.DrillResult{Verdict: migration.Pass, Text: wellDrilled[a.Drill]}
	}
	res.Drill, res.Workload, res.Digest = a.Drill, a.Workload, w.spec.WorkloadDigest(a.Env, a.Workload)
	res.Began = w.now
	return migration.OutcomeDone, migration.Result{Drill: &res}
}

func (w *world) swap(a migration.SwapRecords) migration.Outcome {
	k := migration.ZoneKey(a.Zone, a.View)
	switch {
	case w.fates[k] == fateLost:
		return migration.OutcomeUnknown
	case w.fates[k] == fateRefused:
		return migration.OutcomeNotDone
	case !migration.SetsMatch(w.zones[k][0].sets, a.Before, false):
		return migration.OutcomeForeign
	}
	for _, set := range a.After {
		w.write(k, set)
	}
	if w.fates[k] == fateDoubt {
		return migration.OutcomeUnknown
	}
	return migration.OutcomeDone
}

// write puts one set on every server of a zone that does not lag.
func (w *world) write(zone string, set migration.RRset) {
	servers := slices.Clone(w.zones[zone])
	serial := servers[0].serial + 1
	for i, s := range servers {
		if s.lags {
			continue
		}
		s.serial = serial
		s.sets = slices.DeleteFunc(slices.Clone(s.sets), func(r migration.RRset) bool { return r.Key() == set.Key() })
		if len(set.Data) > 0 {
			s.sets = append(s.sets, set)
		}
		servers[i] = s
	}
	w.zones[zone] = servers
}

// server breaks or mends one server of every zone: silent, lags or well. One
// that is well again has what the primary has.
func (w *world) server(n int, state string) {
	for k := range w.zones {
		servers := slices.Clone(w.zones[k])
		s := servers[n-1]
		s.silent, s.lags = state == "silent", state == "lags"
		if state == "well" {
			s.serial, s.sets = servers[0].serial, servers[0].sets
		}
		servers[n-1] = s
		w.zones[k] = servers
	}
}

func (w *world) apply(a migration.Apply) {
	if a.Part == migration.PartSchedules {
		w.jobs(a.Env, a.Workload, true, false)
		return
	}
	if a.Part == migration.PartWorkload {
		w.jobs(a.Env, a.Workload, true, true)
	}
	c := w.cluster[a.Env]
	w.remove(a.Env, a.Part, a.Workload)
	spec, _ := w.spec.Workload(a.Workload)
	cut := w.cluster[a.Env]
	switch a.Part {
	case migration.PartReturnPath:
		cut.ReturnPaths = append(slices.Clone(cut.ReturnPaths), migration.ReturnPathFacts{
			Workload: a.Workload, Kind: "Deployment", Digest: a.Digest, Desired: 2, Ready: 2, RolledOut: true, From: []string{"203.0.113.41", "203.0.113.42"},
		})
	case migration.PartExposure:
		leads := migration.NewSide
		if e, ok := findExposure(c, a.Workload); ok {
			leads = e.Leads
		}
		addr := newAddr
		if a.Workload != key {
			addr = "198.51.100.8"
		}
		cut.Exposures = append(slices.Clone(cut.Exposures), migration.ExposureFacts{Workload: a.Workload, Kind: "Service", Digest: a.Digest, Addresses: []string{addr}, Port: 8080, Leads: leads})
	default:
		f := migration.WorkloadFacts{Name: a.Workload, Kind: spec.Kind, Digest: a.Digest, Image: spec.Image, Desired: spec.Replicas, Ready: spec.Replicas, RolledOut: true}
		w.resets++
		for i := range spec.Replicas {
			f.Pods = append(f.Pods, migration.PodFacts{Name: fmt.Sprintf("%s-%d-%d", a.Workload, w.resets, i), Phase: "Running", Ready: true})
		}
		cut.Workloads = append(slices.Clone(cut.Workloads), f)
	}
	cut.Config = c.Config
	w.cluster[a.Env] = cut
}

// jobs are what the cluster shows of a workload's jobs.
func (w *world) jobs(env migration.Env, workload string, exist, suspended bool) {
	c := w.cluster[env]
	c.Beside = slices.DeleteFunc(slices.Clone(c.Beside), func(f migration.BesideFacts) bool { return f.Workload == workload })
	for _, j := range w.spec.Jobs(workload) {
		c.Beside = append(c.Beside, migration.BesideFacts{Workload: workload, Kind: migration.KindCronJob, Name: j.Name, Exists: exist, Ours: exist, Suspended: exist && suspended})
	}
	w.cluster[env] = c
}

func (w *world) remove(env migration.Env, part migration.Part, workload string) {
	c := w.cluster[env]
	switch part {
	case migration.PartReturnPath:
		c.ReturnPaths = slices.DeleteFunc(slices.Clone(c.ReturnPaths), func(r migration.ReturnPathFacts) bool { return r.Workload == workload })
	case migration.PartExposure:
		c.Exposures = slices.DeleteFunc(slices.Clone(c.Exposures), func(e migration.ExposureFacts) bool { return e.Workload == workload })
	default:
		c.Workloads = slices.DeleteFunc(slices.Clone(c.Workloads), func(f migration.WorkloadFacts) bool { return f.Name == workload })
	}
	w.cluster[env] = c
}

func (w *world) scale(a migration.Scale) {
	if w.owner {
		return
	}
	if a.Replicas == 0 {
		w.jobs(a.Env, a.Workload, true, true)
	}
	w.changePods(a.Env, a.Workload, func(f *migration.WorkloadFacts) {
		f.Desired, f.Ready = a.Replicas, a.Replicas
		f.Pods = f.Pods[:min(len(f.Pods), int(a.Replicas))]
	})
}

// turn lets a balancer lead to a side, unless somebody's controller undoes it.
func (w *world) turn(a migration.TurnReturnPath) {
	if w.owner {
		return
	}
	w.changeExposures(a.Env, func(e *migration.ExposureFacts) {
		if e.Workload == a.Workload {
			e.Leads = a.To
		}
	})
}

func (w *world) changeExposures(env migration.Env, change func(*migration.ExposureFacts)) {
	c := w.cluster[env]
	c.Exposures = slices.Clone(c.Exposures)
	for i := range c.Exposures {
		change(&c.Exposures[i])
	}
	w.cluster[env] = c
}

// forwarders changes what the cluster shows of the return paths.
func (w *world) forwarders(env migration.Env, change func(*migration.ReturnPathFacts)) {
	c := w.cluster[env]
	c.ReturnPaths = slices.Clone(c.ReturnPaths)
	for i := range c.ReturnPaths {
		change(&c.ReturnPaths[i])
	}
	w.cluster[env] = c
}

// try sends load through the balancer for ten seconds.
func (w *world) try(a migration.TryReturnPath) (migration.Outcome, migration.Result) {
	res := migration.TrialResult{Digest: a.Digest, Rate: 50, For: 10 * time.Second, Requests: 500, Addresses: []string{newAddr}, Valid: w.trialFails == ""}
	if !res.Valid {
		res.Failed, res.Why = 500, w.trialFails
	}
	return migration.OutcomeDone, migration.Result{Trial: &res}
}

// behind counts who stands ready behind the balancers.
func behind(c migration.ClusterFacts) []migration.ExposureFacts {
	out := slices.Clone(c.Exposures)
	for i := range out {
		e := &out[i]
		e.ReadyNew, e.ReadyOld = 0, 0
		w, _ := findWorkload(c, e.Workload)
		r, _ := findReturnPath(c, e.Workload)
		switch e.Leads {
		case migration.NewSide:
			e.ReadyNew = int(w.Ready)
		case migration.OldSide:
			e.ReadyOld = int(r.Ready)
		}
	}
	return out
}

// changePods changes what the cluster shows of one workload.
func (w *world) changePods(env migration.Env, workload string, change func(*migration.WorkloadFacts)) {
	c := w.cluster[env]
	c.Workloads = slices.Clone(c.Workloads)
	for i := range c.Workloads {
		if c.Workloads[i].Name == workload {
			c.Workloads[i].Pods = slices.Clone(c.Workloads[i].Pods)
			change(&c.Workloads[i])
		}
	}
	w.cluster[env] = c
}
