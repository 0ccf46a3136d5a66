package runbook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/inventory/imagined"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

func jsonInto(b []byte, v any) error { return json.Unmarshal(b, v) }

// command does one line of a scenario.
func (st *story) command(args []string) {
	switch args[0] {
	case "given":
		st.given(args[1], args[2:])
	case "reach", "go":
		st.reach(args)
	case "run":
		st.begin().run(st.duration(args[1]), nil)
		st.stand()
	case "wait":
		st.begin().w.pass(st.duration(args[1]))
	case "preview":
		st.preview(migration.Step(args[1]))
	case "crash":
		if p := st.begin(); len(args) > 1 {
			p.crashIn = migration.StagingDrill(args[1])
		} else {
			p.crash = true
		}
		st.p.run(time.Hour, func(s State, _ Decision) bool { return st.p.dead })
	case "restart":
		st.p.err = st.begin().restart()
	case "angua", "carrot", "ponder":
		st.person(args[0], args[1], args[2:])
	default:
		st.outside(args)
	}
}

// reached keeps where the plain example has been led, for the scenarios that
// begin there: by step, or by the mode of an end.
var reached = map[string]*play{}

// reach runs on quietly until a step has been entered; go lets it be heard.
func (st *story) reach(args []string) {
	plain := st.p == nil && !st.varied && args[0] == "reach"
	if r := reached[args[1]]; plain && r != nil {
		st.p = r.clone()
		st.p.heard = st.hear
		return
	}
	p := st.begin()
	st.quiet = args[0] == "reach"
	p.run(60*24*time.Hour, func(s State, _ Decision) bool { return s.Step == migration.Step(args[1]) || string(s.Mode) == args[1] })
	st.quiet = false
	if p.s.Step != migration.Step(args[1]) && string(p.s.Mode) != args[1] {
		st.t.Fatalf("%s was not reached: %s %s: %s", args[1], p.s.Mode, p.s.Step, asJSON(p.decide()))
	}
	if plain {
		reached[args[1]] = p.clone()
	}
}

// stand says where the migration stands after a run.
func (st *story) stand() {
	s := st.p.s
	st.line(s, "stands")
}

// given varies what is declared, before anything is.
func (st *story) given(what string, args []string) {
	if st.p != nil {
		st.t.Fatalf("given %s comes too late", what)
	}
	st.varied = true
	st.vary(&st.spec, &st.policy, what, args)
}

func (st *story) vary(spec *migration.Spec, policy *migration.Policy, what string, args []string) {
	switch what {
	case "two-zones":
		*spec = twoZones(*spec)
	case "two-workloads":
		*spec = twoWorkloads(*spec)
	case "window":
		spec.Windows = append(spec.Windows, migration.Window{From: t0.Add(st.duration(args[0])), To: t0.Add(st.duration(args[1]))})
	case "no-windows":
		spec.Windows = nil
	case "approvals":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			st.t.Fatal(err)
		}
		spec.Approvals = migration.ApprovalRule{Required: n, From: args[1:]}
	case "stores":
		spec.Data.Shared = args[0] == "shared"
	case "ttl":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			st.t.Fatal(err)
		}
		st.ttl = uint32(n)
	case "image":
		spec.Workloads = slices.Clone(spec.Workloads)
		spec.Workloads[0].Image = image(args[0])
	case "cutover":
		spec.Cutover = migration.Cutover(args[0])
	case "job":
		spec.Schedules = append(slices.Clone(spec.Schedules), migration.Schedule{Name: args[0], Owner: migration.OwnerCluster, When: "30 2 * * *", Command: []string{"/app/interest"}})
	case "delivery":
		spec.Delivery = migration.Delivery(args[0])
	case "protocol":
		spec.Workloads = slices.Clone(spec.Workloads)
		spec.Workloads[0].Ports = []migration.Port{{Name: "dns", Port: 53, Protocol: args[0]}}
	case "exposure":
		spec.Target.Exposure = migration.Exposure(args[0])
	case "two-machines":
		spec.VMs = append(spec.VMs[:1:1], spec.VMs[0])
		spec.VMs[1].Host = "vm-bank-2"
	case "fix":
		spec.Fixes = append(slices.Clone(spec.Fixes), migration.Fix{Code: migration.Code(args[0]), Drill: migration.StagingDrill(args[1]), How: strings.Join(args[2:], " ")})
	case "skip":
		spec.Drills.Skip = map[migration.StagingDrill]string{migration.StagingDrill(args[0]): strings.Join(args[1:], " ")}
	case "safe-peer":
		spec.Drills.SafePeers = append(slices.Clone(spec.Drills.SafePeers), migration.SafePeer{Address: args[0], Reason: strings.Join(args[1:], " ")})
	case "approved":
		spec.Drills.Approved = append(slices.Clone(spec.Drills.Approved), strings.Join(args, " "))
	case "no-session":
		spec.Drills.Session = nil
	case "session":
		spec.Drills.Session = &migration.SessionDrill{Begin: args[0], Check: args[1], Status: 200}
	case "resources":
		w := slices.Clone(spec.Workloads)
		w[0].Resources = migration.Resources{CPURequestMilli: st.number(args[0]), MemoryRequestBytes: st.number(args[1]) << 20}
		spec.Workloads = w
	case "waivers":
		st.waive = st.duration(args[0])
	case "judged":
		st.judged = append(st.judged, migration.Code(args[0]))
	case "no-forwarder":
		spec.ReturnPath.Image = ""
	case "hold":
		policy.Hold = st.duration(args[0])
	case "residual":
		policy.Residual = st.duration(args[0])
	default:
		st.t.Fatalf("given %s?", what)
	}
}

func (st *story) number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		st.t.Fatal(err)
	}
	return n
}

func (st *story) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

// person journals what somebody says.
func (st *story) person(by, verb string, args []string) {
	p := st.begin()
	now := p.w.now
	switch verb {
	case "approves":
		until := now.Add(7 * 24 * time.Hour)
		if len(args) > 0 {
			until = now.Add(st.duration(args[0]))
		}
		p.says(by, migration.KindApproved, migration.Approval{Migration: key, Attempt: p.s.Attempt, By: by, Digest: p.s.Spec.Digest(), At: now, Until: until})
	case "waives":
		w := migration.Waiver{Code: migration.Code(args[0]), Migration: key, By: by, Reason: strings.Join(args[2:], " "), At: now, Until: now.Add(st.duration(args[1]))}
		p.says(by, migration.KindWaived, w)
	case "rolls-back":
		p.rollback(by)
	case "aborts":
		p.says(by, migration.KindAbort, migration.Said{})
	case "attaches":
		inc, open := p.s.OpenIncident()
		if !open {
			st.t.Fatal("no open incident")
		}
		p.says(by, migration.KindRCA, migration.RCA{Incident: inc.ID, By: by, At: now, SHA256: "0123", Summary: "a pool of one connection"})
	case "allows":
		p.says(by, migration.KindOver, migration.Over{Set: migration.RRset{Name: args[0], Type: "A", Data: args[1:]}, By: by, At: now})
	case "asks-again":
		p.says(by, migration.KindAgain, migration.Said{})
	case "records":
		p.says(by, migration.KindMeasured, Measured{File: "facts.json", Experiments: st.recorded(by, args)})
	case "adds-a-name":
		for z := range p.w.zones {
			p.w.write(z, migration.RRset{Name: "new." + z, Type: "A", TTL: 300, Data: []string{"192.0.2.77"}})
		}
		spec := p.s.Spec
		spec.Names = append(spec.Names[:1:1], name("new."+zoneOne, zoneOne))
		p.declare(by, spec, p.s.Policy)
	case "drops-a-name":
		spec := p.s.Spec
		spec.Names = spec.Names[:1]
		p.declare(by, spec, p.s.Policy)
	case "declares":
		spec, policy := p.s.Spec, p.s.Policy
		if len(args) > 0 {
			st.vary(&spec, &policy, args[0], args[1:])
		}
		p.declare(by, spec, policy)
		st.stand()
	default:
		st.t.Fatalf("%s %s?", by, verb)
	}
}

// recorded is an experiment as a person puts it on record, made some time ago:
// "load 10m 120" with the p95 of the CPU, "sigterm 10m passed".
func (st *story) recorded(by string, args []string) []readiness.Recorded {
	at := st.p.w.now
	made := at.Add(-st.duration(args[1]))
	f := imagined.Service(inventory.Target{Host: "vm-bank-1", Unit: key + ".service"}, made)
	if args[0] == "load" {
		f.Drills, f.Load = nil, &inventory.Load{Rate: 100, Achieved: 100, For: time.Minute, Requests: 6000, Valid: true, Usage: f.Usage}
		f.Load.Usage.CPUMilli.P95 = st.number(args[2])
	} else {
		d := f.Drills[0]
		d.Passed, d.Detail = args[2] == "passed", strings.Join(args[2:], " ")
		f.Drills = []inventory.Drill{d}
	}
	out, faults := readiness.Recordable(st.p.s.Spec, st.p.s.Policy, f, at)
	if len(faults) > 0 {
		st.t.Fatal(faults)
	}
	for i := range out {
		out[i].By, out[i].At, out[i].Facts = by, at, "0123"
	}
	return out
}

// outside changes the world.
func (st *story) outside(args []string) {
	w := st.begin().w
	rest := strings.Join(args[min(2, len(args)):], " ")
	switch args[0] + " " + args[min(1, len(args)-1)] {
	case "machines legacy":
		w.machine = imagined.Legacy
	case "machines corrected":
		w.machine = imagined.Service
	case "machines undrilled":
		w.machine = undrilled
	case "machines drift":
		w.machine = drifting
	case "machines show":
		age := st.duration(args[2])
		now := w.machine
		w.machine = func(t inventory.Target, at time.Time) inventory.Facts { return now(t, at.Add(-age)) }
	case "staging reaches":
		w.isolation.Peers = append(slices.Clone(w.isolation.Peers), migration.StagingPeer{
			Address: args[2], Kind: args[3], Seen: []string{strings.Join(args[4:], " ")}, Production: true,
		})
	case "staging differs":
		w.isolation.Differences = append(slices.Clone(w.isolation.Differences), rest)
	case "staging unseen":
		w.unisolated = rest
	case "staging seen":
		w.unisolated = ""
	case "drill fails", "drill tells-nothing", "drill passes":
		st.drill(args[1], migration.StagingDrill(args[2]), strings.Join(args[3:], " "))
	case "drills cannot":
		w.undrillable = strings.Join(args[3:], " ")
	case "drills can":
		w.undrillable = ""
	case "machines untaken":
		w.untaken = rest
	case "machine unreachable":
		w.away[args[2]] = true
	case "machine reachable":
		w.away[args[2]] = false
	case "images stand":
		w.base = args[3]
	case "metrics missing":
		w.metricsErr = rest
	case "baseline missing":
		w.baselineErr = rest
	case "metrics back":
		w.metricsErr = ""
	case "new side", "old side":
		st.side(migration.Side(args[0]), args[2:])
	case "ns1 silent", "ns2 silent", "ns1 well", "ns2 well", "ns2 lags":
		w.server(int(args[0][2]-'0'), args[1])
	case "changes are":
		for z := range w.zones {
			if len(args) < 5 || args[4] == z {
				w.fates[z] = fate(strings.TrimPrefix(args[2], "good"))
			}
		}
	case "the change":
		st.arrives()
	case "cluster unreachable":
		w.clusterErr = "connection refused"
	case "cluster reachable":
		w.clusterErr = ""
	case "pod restarts":
		w.changePods(migration.Production, key, func(f *migration.WorkloadFacts) { f.Pods[0].Restarts++; f.Pods[0].LastState = "OOMKilled" })
	case "image changed":
		w.changePods(migration.Production, key, func(f *migration.WorkloadFacts) { f.Image = image(args[2]) })
	case "somebody delivers", "somebody takes", "somebody changes":
		w.others(args[1], migration.Env(args[2]), migration.Part(args[3]))
	case "machines run", "machines stop":
		now, job, run := w.machine, args[2], args[1] == "run"
		w.machine = func(t inventory.Target, at time.Time) inventory.Facts {
			f := now(t, at)
			f.Schedules = slices.DeleteFunc(slices.Clone(f.Schedules), func(s inventory.Schedule) bool { return s.Name == job })
			if run {
				f.Schedules = append(f.Schedules, inventory.Schedule{Kind: "timer", Name: job, When: "daily", Related: true})
			}
			return f
		}
	case "quota leaves":
		c := w.cluster[migration.Production]
		c.Quotas = []migration.QuotaFacts{{Quota: "bank", Resource: "pods", Hard: args[2], Used: "0", Need: "3", Left: args[2]}}
		if st.number(args[2]) < 3 {
			c.Quotas[0].Lacks = "quota bank leaves " + args[2] + " of pods, and 3 are needed at the most"
		}
		w.cluster[migration.Production] = c
	case "replicas come":
		w.owner = true
	case "replicas stay":
		w.owner = false
	case "forwarders ready", "forwarders gone":
		w.forwarders(migration.Production, func(r *migration.ReturnPathFacts) {
			r.Ready, r.RolledOut, r.Status = 2, true, ""
			if args[1] == "gone" {
				r.Ready, r.RolledOut, r.Status = 0, false, "the old entry takes no connections"
			}
		})
	case "trial fails":
		w.trialFails = rest
	case "trial passes":
		w.trialFails = ""
	case "somebody comes":
		c := w.count[migration.OldSide]
		c.Requests++
		w.count[migration.OldSide] = c
	case "smoke failing":
		w.smokeFails = int(args[2][0] - '0')
	default:
		st.records(args)
	}
}

// drill says what an experiment will show from now on.
func (st *story) drill(how string, d migration.StagingDrill, text string) {
	res := migration.DrillResult{Verdict: migration.Fail, Text: text, Remedy: "mend the release"}
	switch how {
	case "passes":
		delete(st.p.w.drilled, d)
		return
	case "tells-nothing":
		res.Verdict, res.Remedy = migration.Unknown, "make it possible"
	}
	st.p.w.drilled[d] = res
}

// undrilled is a machine on which nobody makes experiments.
func undrilled(t inventory.Target, at time.Time) inventory.Facts {
	f := imagined.Service(t, at)
	f.Drills = nil
	return f
}

// drifting are two machines of which somebody has edited one.
func drifting(t inventory.Target, at time.Time) inventory.Facts {
	f := imagined.Service(t, at)
	if t.Host == "vm-bank-2" {
		f.Trees[0].Entries[0].Digest = "9e02"
		f.Trees[0].Entries[0].Keys = map[string]string{"database.pool": "a3", "log.level": "c8"}
	}
	return f
}

// arrives lets the changes that the dead process had sent take effect.
func (st *story) arrives() {
	for _, i := range st.p.s.Pending {
		st.p.w.do(i.Action)
	}
}

// side changes how one side answers.
func (st *story) side(side migration.Side, args []string) {
	w := st.p.w
	switch args[0] {
	case "answers":
		w.probeBad[side], w.probeErr[side] = "", ""
	case "refuses":
		w.probeBad[side] = "connection refused"
	case "unseen":
		w.probeErr[side] = "no route to host"
	case "fails":
		share, err := strconv.ParseFloat(strings.TrimSuffix(args[1], "%"), 64)
		if err != nil {
			st.t.Fatal(err)
		}
		w.errors[side] = share / 100
	default:
		st.t.Fatalf("side %v?", args)
	}
}

// records changes records by somebody else's hand: "NAME leads to ADDRESS",
// "everything led back by hand", "requests 10".
func (st *story) records(args []string) {
	w := st.p.w
	if args[0] == "requests" {
		n, err := strconv.ParseFloat(args[1], 64)
		if err != nil {
			st.t.Fatal(err)
		}
		w.rate = n
		return
	}
	for _, n := range w.spec.Names {
		z := migration.ZoneKey(n.Zone, n.View)
		switch {
		case strings.Join(args, " ") == "everything led back by hand":
			w.write(z, migration.RRset{Name: n.Name, Type: "A", TTL: 60, Data: []string{oldAddr}})
		case n.Name == args[0]:
			w.write(z, migration.RRset{Name: n.Name, Type: "A", TTL: 60, Data: args[3:]})
			return
		}
	}
	if args[0] != "everything" {
		st.t.Fatalf("%v?", args)
	}
}

// preview shows one step as a plan does.
func (st *story) preview(step migration.Step) {
	p := st.begin()
	p.observe(PreviewNeeds(p.s))
	for _, o := range Preview(p.s, p.facts, p.w.now) {
		if o.Step != step {
			continue
		}
		fmt.Fprintf(&st.out, "%s: %s (%s)\n", o.Step, o.Title, o.Status)
		st.reasons(o.Reasons)
		for _, a := range o.Actions {
			st.detail("%s", actionText(a))
		}
	}
}
