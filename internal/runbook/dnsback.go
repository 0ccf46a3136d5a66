package runbook

import (
	"rehome.dev/rehome/internal/migration"
)

// planDNSBack leads every name that this attempt's switch may have moved back
// to where it was, with the lowered TTL, target by target. A set found as it
// was before is adopted, and the generation is moved on where a late packet of the
// switch could still arrive. A foreign set is overwritten only on a person's word
// for exactly that set. Where no name server answers, the swap is tried all
// the same: its precondition is the exact set that the switch wrote.
func planDNSBack(l look) ([]migration.Action, []migration.Reason) {
	var todo []migration.Action
	var why []migration.Reason
	for _, z := range l.s.switched() {
		moved := l.s.Swaps[z.key()]
		v := l.f.zone(z.key())
		if !v.known {
			why = append(why, seen(unknown(migration.CodeAllNS, "zone %s: %s", z.key(), v.err), "name servers", v.at))
			todo = append(todo, l.blindBack(moved))
			continue
		}
		have := v.newest().Sets
		if foreign := l.foreignSets(have, moved); len(foreign) > 0 {
			why = append(why, asks(hint(fails(migration.CodeForeign, "zone %s: somebody else's record stands there: %s", z.key(), foreign[0]),
				"if it may go: rehome rollback %s --over %q", l.s.Key, foreign[0].Data[0])))
			continue
		}
		swap, needed := l.change(z, namesOf(z), have, migration.ForRollback, func(name string, sets []migration.RRset) []migration.RRset {
			return setsOf(moved.Before, name)
		})
		switch {
		case needed && !dataReached(have, swap.After):
			todo = append(todo, swap)
		case l.replayable(have, moved):
			todo = append(todo, l.fenceOff(z, have, moved))
		}
	}
	return todo, why
}

// replayable says whether a packet of the switch that is still on its way would
// find the zone as it demands it: the records are back, and so is the generation.
func (l look) replayable(have []migration.RRset, moved migration.SwapRecords) bool {
	return migration.SetsMatch(have, moved.Before, false)
}

// fenceOff changes nothing but the generation, so that the switch of this
// attempt can never arrive any more (DNS-REPLAY).
func (l look) fenceOff(z zone, have []migration.RRset, moved migration.SwapRecords) migration.SwapRecords {
	fence := migration.SwapRecords{Zone: z.Zone, View: z.View, Provider: z.Provider, Purpose: migration.ForRollback}
	for _, b := range moved.Before {
		set := migration.FindSet(have, b.Name, b.Type)
		fence.Before = append(fence.Before, set)
		if isGeneration(b) {
			set = generation(l.s, b.Name[len(generationPrefix):])
		}
		fence.After = append(fence.After, set)
	}
	return fence
}

// dataReached says whether every set but the generation already has its data.
func dataReached(have, want []migration.RRset) bool {
	for _, w := range want {
		if !isGeneration(w) && !migration.FindSet(have, w.Name, w.Type).SameData(w) {
			return false
		}
	}
	return true
}

// blindBack undoes exactly what the switch wrote, whatever can be seen.
func (l look) blindBack(moved migration.SwapRecords) migration.SwapRecords {
	back := migration.SwapRecords{Zone: moved.Zone, View: moved.View, Provider: moved.Provider, Purpose: migration.ForRollback, Before: moved.After}
	for _, b := range moved.Before {
		if isGeneration(b) {
			continue
		}
		back.After = append(back.After, b)
	}
	for _, a := range moved.After {
		if isGeneration(a) {
			back.After = append(back.After, generation(l.s, a.Name[len(generationPrefix):]))
		}
	}
	return back
}

// foreignSets are the sets on the moved names that neither the switch wrote nor
// stood there before it, unless a person has said that they may go.
func (l look) foreignSets(have []migration.RRset, moved migration.SwapRecords) []migration.RRset {
	var out []migration.RRset
	for _, w := range moved.After {
		if isGeneration(w) {
			continue
		}
		h := migration.FindSet(have, w.Name, w.Type)
		before := migration.FindSet(moved.Before, w.Name, w.Type)
		if h.SameData(w) || h.SameData(before) || len(h.Data) == 0 || l.over(h) {
			continue
		}
		out = append(out, h)
	}
	return out
}

func (l look) over(set migration.RRset) bool {
	for _, o := range l.s.Overs {
		if o.Set.SameData(set) {
			return true
		}
	}
	return false
}

// planRestoreTTL gives every name its TTL back, and its sets as well where an
// attempt was aborted, and takes the generation records away: their fence has
// done its work.
func planRestoreTTL(l look) ([]migration.Action, []migration.Reason) {
	todo, why := l.everyZone(l.s.allNames(), migration.CodeAllNS, func(z zone, v zoneView) (migration.SwapRecords, bool) {
		have := v.newest().Sets
		swap, _ := l.change(z, namesOf(z), have, migration.ForRestoreTTL, func(name string, sets []migration.RRset) []migration.RRset {
			return l.restored(name, sets)
		})
		var after []migration.RRset
		for _, a := range swap.After {
			if !isGeneration(a) {
				after = append(after, a)
			}
		}
		var before []migration.RRset
		for _, b := range swap.Before {
			if !isGeneration(b) {
				before = append(before, b)
			}
		}
		for _, name := range namesOf(z) {
			if gen := migration.FindSet(have, generationName(name), "TXT"); len(gen.Data) > 0 {
				before = append(before, gen)
				after = append(after, migration.RRset{Name: gen.Name, Type: "TXT"})
			}
		}
		swap.Zone, swap.View, swap.Provider, swap.Purpose = z.Zone, z.View, z.Provider, migration.ForRestoreTTL
		swap.Before, swap.After = before, after
		return swap, len(after) > 0
	})
	return todo, append(why, l.notRestored()...)
}

// notRestored names what an abort finds changed by somebody else: it is left
// alone, and said so.
func (l look) notRestored() []migration.Reason {
	if l.s.Mode != migration.ModeAborting {
		return nil
	}
	var why []migration.Reason
	for _, z := range zonesOf(l.s.allNames()) {
		v := l.f.zone(z.key())
		for _, name := range namesOf(z) {
			sets := setsOf(v.newest().Sets, name)
			if origin := l.origin(name, sets); v.known && !l.rehearsing(name) && !dataReached(sets, origin) {
				why = append(why, seen(asks(hint(fails(migration.CodeForeign, "%s leads to %s and not to %s as before: it is somebody else's and left alone", name, dataOf(sets), dataOf(origin)),
					"if it should be as before, correct the record by hand")), "name servers", v.at))
			}
		}
	}
	return why
}

// restored are a name's sets with the TTL that they had before the migration:
// the original ones while the old side serves them, the new ones after it.
func (l look) restored(name string, sets []migration.RRset) []migration.RRset {
	origin := l.origin(name, sets)
	if l.s.Mode == migration.ModeAborting || l.rehearsing(name) {
		if dataReached(sets, origin) || l.rehearsing(name) {
			return origin
		}
		return sets // somebody else's: left alone, and said so
	}
	var ttl uint32
	for _, o := range origin {
		ttl = max(ttl, o.TTL)
	}
	out := make([]migration.RRset, len(sets))
	for i, s := range sets {
		s.TTL = max(s.TTL, ttl)
		out[i] = s
	}
	return out
}

// rehearsing says whether the name is the rehearsal's: it is ours alone, so
// whatever a broken-off rehearsal left there is taken back.
func (l look) rehearsing(name string) bool {
	return l.s.Spec.Rehearsal != nil && l.s.Spec.Rehearsal.Name == name
}
