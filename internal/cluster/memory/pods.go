package memory

import (
	"fmt"
	"slices"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// pod is one pod with its whole life: created and gone may lie in the future,
// until a change of its workload says otherwise.
type pod struct {
	name     string
	image    string
	template string
	release  Release
	created  time.Time
	gone     time.Time   // when it is asked to end; zero: never
	killed   []time.Time // restarts that were forced on it
	reason   string      // of the last forced one
}

func (p *pod) exists(now time.Time, terminate time.Duration) bool {
	return !now.Before(p.created) && (p.gone.IsZero() || now.Before(p.gone.Add(terminate)))
}

func (p *pod) deleting(now time.Time) bool { return !p.gone.IsZero() && !now.Before(p.gone) }

func (p *pod) booted() time.Time { return p.created.Add(p.release.Boot) }

// restarts are how often the container was started again, and when last.
func (p *pod) restarts(now time.Time) (int32, time.Time) {
	n, last := int32(0), time.Time{}
	if every := p.release.CrashEvery; every > 0 && !p.release.NeverReady && now.After(p.booted()) {
		n = int32(now.Sub(p.booted()) / every)
		if n > 0 {
			last = p.booted().Add(time.Duration(n) * every)
		}
	}
	for _, k := range p.killed {
		n++
		if k.After(last) {
			last = k
		}
	}
	return n, last
}

func (p *pod) ready(now time.Time) bool {
	if p.release.NeverReady || p.deleting(now) || now.Before(p.booted()) {
		return false
	}
	n, last := p.restarts(now)
	return n == 0 || !now.Before(last.Add(p.release.Boot))
}

func (p *pod) facts(now time.Time) migration.PodFacts {
	f := migration.PodFacts{
		Name: p.name, Node: "node", Phase: "Running", Ready: p.ready(now),
		Image: migration.ImageDigest(p.image), Deleting: p.deleting(now), Started: p.created,
	}
	f.Restarts, f.LastRestart = p.restarts(now)
	if f.Restarts > 0 {
		f.LastState = "Error"
		if p.reason != "" {
			f.LastState = p.reason
		}
	}
	return f
}

// settle forgets the pods that have ended, and the plans for later that a
// rollout had made: a change makes new ones.
func (w *workload) settle(now time.Time, terminate time.Duration) {
	w.pods = slices.DeleteFunc(w.pods, func(p *pod) bool { return !p.exists(now, terminate) })
	for _, p := range w.pods {
		if !p.deleting(now) {
			p.gone = time.Time{}
		}
	}
}

// roll plans how the pods become what is wanted. Old pods are replaced one by
// one, each when a new one is ready, as maxUnavailable 0 and maxSurge 1 do.
func (w *workload) roll(now time.Time, terminate time.Duration, release func(string) Release) {
	w.settle(now, terminate)
	fresh, old := w.split(now)
	for len(fresh) > int(w.desired) {
		fresh[len(fresh)-1].gone = now
		fresh = fresh[:len(fresh)-1]
	}
	at := now
	if excess := min(len(old), len(fresh)+len(old)-int(w.desired)); excess > 0 {
		if slices.ContainsFunc(fresh, func(p *pod) bool { return p.release.NeverReady }) {
			return
		}
		for _, p := range fresh {
			at = latest(at, p.booted())
		}
		end(old[:excess], at)
		old = old[excess:]
	}
	for len(fresh) < int(w.desired) {
		p := w.newPod(at, release)
		fresh = append(fresh, p)
		if len(old) == 0 {
			continue
		}
		if p.release.NeverReady {
			return
		}
		at = p.booted()
		old[0].gone = at
		old = old[1:]
	}
}

// split gives the living pods by whether they are made from the template that
// is wanted now; of the others, those that do not serve come first.
func (w *workload) split(now time.Time) (fresh, old []*pod) {
	for _, p := range w.pods {
		switch {
		case p.deleting(now):
		case p.template == w.template:
			fresh = append(fresh, p)
		default:
			old = append(old, p)
		}
	}
	slices.SortStableFunc(old, func(a, b *pod) int {
		switch ra, rb := a.ready(now), b.ready(now); {
		case ra == rb:
			return 0
		case ra:
			return 1
		}
		return -1
	})
	return fresh, old
}

func end(pods []*pod, at time.Time) {
	for _, p := range pods {
		p.gone = at
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (w *workload) newPod(at time.Time, release func(string) Release) *pod {
	p := &pod{
		name: fmt.Sprintf("%s-%d", w.spec.Name, w.serial), image: w.spec.Image, template: w.template,
		release: release(w.spec.Image), created: at,
	}
	w.serial++
	w.pods = append(w.pods, p)
	return p
}

// current are the pods that exist, in the order of their creation.
func (w *workload) current(now time.Time, terminate time.Duration) []*pod {
	var out []*pod
	for _, p := range w.pods {
		if p.exists(now, terminate) {
			out = append(out, p)
		}
	}
	return out
}
