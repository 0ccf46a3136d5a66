package runbook

import (
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// need is one observation that a step rests on.
type need func(s State) []Query

func needStaging(State) []Query    { return []Query{{Kind: QueryCluster, Env: migration.Staging}} }
func needProduction(State) []Query { return []Query{{Kind: QueryCluster, Env: migration.Production}} }

// needTurn looks at the cluster each time anew: to lead clients to forwarders that
// were ready a while ago may lead them to nobody.
func needTurn(State) []Query {
	return []Query{{Kind: QueryCluster, Env: migration.Production, MaxAge: time.Nanosecond}}
}
func needSample(State) []Query   { return []Query{{Kind: QuerySample}} }
func needBaseline(State) []Query { return []Query{{Kind: QueryBaseline}} }

// inventoryAge is how old the facts of the machines may be when they are judged.
// Taking them lasts, and what they tell of changes in hours.
const inventoryAge = 15 * time.Minute

func needInventory(s State) []Query {
	return []Query{{Kind: QueryInventory, MaxAge: max(min(inventoryAge, s.Policy.EvidenceAge-s.Policy.ProbeFor), time.Second)}}
}

// needBases looks at the images: pinned by digest, they do not change.
func needBases(State) []Query { return []Query{{Kind: QueryBase, MaxAge: inventoryAge}} }

// needIsolation looks at what the pods of staging reach once they run and the
// smoke suite has; what is production's, the facts of the machines tell.
func needIsolation(s State) []Query {
	if o, ran := s.Smoke[smokeKey(migration.Staging, migration.ViaPortForward)]; !ran || o.At.Before(s.Since) {
		return nil
	}
	return isolation(s)
}

func isolation(s State) []Query {
	return []Query{
		{Kind: QueryInventory, MaxAge: max(s.Policy.EvidenceAge, time.Second)},
		{Kind: QueryIsolation, Env: migration.Staging},
	}
}

// needProofs is what the drills need that are made again before the switch.
func needProofs(s State) []Query {
	if !slices.ContainsFunc(s.proofs(), s.proofDue) {
		return nil
	}
	return append(needStaging(s), isolation(s)...)
}

func needNames(s State) []Query {
	var out []Query
	for _, z := range zonesOf(s.allNames()) {
		q := Query{Kind: QueryDNS, Zone: z.Zone, View: z.View, Provider: z.Provider}
		for _, n := range z.Names {
			q.Names = append(q.Names, n.Name, generationName(n.Name))
		}
		out = append(out, q)
	}
	return out
}

func needOldProbe(s State) []Query {
	e := s.Spec.OldEntry
	return []Query{{Kind: QueryProbe, Side: migration.OldSide, Host: s.host(), Addresses: e.Addresses, Port: e.Port, Path: e.ProbePath}}
}

// needNewProbe asks the new side through its balancer. The engine fills in the
// addresses from the latest look at the cluster.
func needNewProbe(s State) []Query {
	exposed := s.Spec.Exposed()
	if len(exposed) == 0 {
		return nil
	}
	q := Query{Kind: QueryProbe, Side: migration.NewSide, Host: s.host(), Path: exposed[0].Health.ReadinessPath}
	return []Query{q}
}

func (s State) host() string {
	if len(s.Spec.Names) == 0 {
		return ""
	}
	return s.Spec.Names[0].Name
}

// Needs says what to observe before Next is asked, and at what age. What a
// pending intent touches is looked at anew, the rest as often as the step is.
func Needs(s State, _ time.Time) []Query {
	r, ok := rowOf(s.Step)
	if !ok || over(s.Mode) {
		return nil
	}
	age := lookEvery
	if r.every != nil {
		age = r.every(s.Policy)
	}
	seen := map[string]bool{}
	var out []Query
	add := func(qs []Query, age time.Duration) {
		for _, q := range qs {
			id := string(q.Kind) + "/" + q.Key()
			if seen[id] {
				continue
			}
			seen[id] = true
			if q.MaxAge == 0 {
				q.MaxAge = age
			}
			out = append(out, q)
		}
	}
	for _, i := range s.Pending {
		add(pendingNeeds(s, i), 0)
	}
	for _, n := range r.needs {
		add(n(s), age/2)
	}
	return out
}

// Recheck says what to observe immediately before an intent is carried out:
// nothing but what cannot be undone is looked at twice. The counters and the
// machines are not: the one is a judgement over time, the other takes too long.
func Recheck(s State, i migration.Intent) []Query {
	swap, ok := i.Action.(migration.SwapRecords)
	if !ok || swap.Purpose != migration.ForSwitch {
		return nil
	}
	r, _ := rowOf(migration.StepGo)
	var out []Query
	for _, n := range r.needs {
		for _, q := range n(s) {
			if q.Kind != QuerySample && q.Kind != QueryInventory {
				out = append(out, q)
			}
		}
	}
	return out
}

func pendingNeeds(s State, i migration.Intent) []Query {
	switch a := i.Action.(type) {
	case migration.SwapRecords:
		return needNames(s)
	case migration.Apply:
		return []Query{{Kind: QueryCluster, Env: a.Env}}
	case migration.Remove:
		return []Query{{Kind: QueryCluster, Env: a.Env}}
	case migration.Scale:
		return []Query{{Kind: QueryCluster, Env: a.Env}}
	case migration.TurnReturnPath:
		return []Query{{Kind: QueryCluster, Env: a.Env}}
	}
	return nil
}
