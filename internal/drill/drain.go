package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
)

// The load of the drill where the migration names none.
const (
	defaultRate = 50
	defaultFor  = 30 * time.Second
)

// enough is the share of the rate with which the drill counts. A measurement asks
// for more; here it matters that requests came while pods went, and a machine that
// stops for a moment at the end of a round is made up for by the next.
const enough = 0.9

// drain deletes every pod once, one after the other, while requests come at a
// constant rate: not one of them may fail.
func (t *trial) drain(ctx context.Context) outcome {
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	base, err := t.bench.Address(ctx, t.workload.Name)
	if errors.Is(err, ErrNoWay) {
		return unknown("The pods cannot be put under load from here: "+err.Error()+".",
			"run rehome where the addresses that the staging environment gives to Services can be reached; a port-forward does not stand load")
	} else if err != nil {
		return cannot("find the way to the pods", err)
	}
	path := t.spec.Drills.Path
	if path == "" {
		path = t.workload.Health.ReadinessPath
	}
	if status, _, err := t.ask(ctx, question{base: base, path: path}); err != nil {
		return cannot("ask for "+pathOf(path), err)
	} else if !good(status) {
		return unknown(fmt.Sprintf("%s answers %d before anything is disturbed.", pathOf(path), status), "name in drills.path what answers a plain GET well")
	}
	loads, endings, err := t.loaded(ctx, base+path, list)
	return t.drained(pathOf(path), loads, endings, err)
}

// ended is one pod that was deleted.
type ended struct {
	pod string
	how Ending
}

// loaded makes the load for as long as pods are deleted, in whole rounds.
func (t *trial) loaded(ctx context.Context, url string, list []Pod) ([]inventory.Load, []ended, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience()*time.Duration(1+len(list)))
	defer cancel()
	o := load.Options{URL: url, Rate: t.rate() / 2, For: t.spec.Drills.For, Timeout: requestTime}
	if o.For == 0 {
		o.For = defaultFor
	}
	t.disturbs = true
	var endings []ended
	var fault error
	deleted := make(chan struct{})
	go func() {
		defer close(deleted)
		for _, p := range list {
			if !t.pause(ctx) {
				fault = ctx.Err()
				return
			}
			how, err := t.bench.End(ctx, p)
			if err != nil {
				fault = fmt.Errorf("delete pod %s: %w", p.Name, err)
				return
			}
			endings = append(endings, ended{p.Name, how})
			if _, err := t.whole(ctx); err != nil {
				fault = fmt.Errorf("after pod %s was deleted: %w", p.Name, err)
				return
			}
		}
	}()
	var loads []inventory.Load
	for {
		both, err := t.attacks(ctx, o)
		if err != nil {
			cancel()
			<-deleted
			return loads, endings, err
		}
		loads = append(loads, both...)
		select {
		case <-deleted:
			return loads, endings, fault
		case <-ctx.Done():
			<-deleted
			return loads, endings, errors.Join(ctx.Err(), fault)
		default:
		}
	}
}

// attacks makes the load in two halves. One keeps its connections, as clients do,
// and is asked again on another connection by the client itself where the server has
// closed one; of the other half each request has a connection of its own, and shows
// every answer that was cut off.
func (t *trial) attacks(ctx context.Context, o load.Options) ([]inventory.Load, error) {
	attack := t.Attack
	if attack == nil {
		attack = load.Attack
	}
	alone := o
	alone.Header = http.Header{"Connection": {"close"}}
	type answer struct {
		load inventory.Load
		err  error
	}
	second := make(chan answer, 1)
	go func() {
		l, err := attack(ctx, alone)
		second <- answer{l, err}
	}()
	first, err := attack(ctx, o)
	other := <-second
	return []inventory.Load{first, other.load}, errors.Join(err, other.err)
}

// drained judges the load and how the processes ended.
func (t *trial) drained(path string, loads []inventory.Load, endings []ended, err error) outcome {
	var requests, errs uint64
	var seen, short []string
	for _, l := range loads {
		requests, errs = requests+l.Requests, errs+l.Errors
		if l.Achieved < enough*l.Rate {
			short = append(short, fmt.Sprintf("%.1f of %g requests a second were reached", l.Achieved, l.Rate))
		}
		if l.Errors > 0 {
			seen = append(seen, fmt.Sprintf("%d of %d requests for %s failed: %s", l.Errors, l.Requests, path, l.Why))
		}
	}
	killed, unseen := 0, 0
	for _, e := range endings {
		seen = append(seen, fmt.Sprintf("pod %s: %s", e.pod, e.how.said()))
		if e.how.Killed() {
			killed++
		}
		if !e.how.Seen {
			unseen++
		}
	}
	rate := fmt.Sprintf("%s at %g a second", plural(int(requests), "request", "requests"), t.rate())
	switch {
	case errs > 0:
		return fail(fmt.Sprintf("%d of %s failed while pods were deleted.", errs, rate),
			"let the process take requests for a while after SIGTERM (preStop), then finish what it has begun, and end", seen...)
	case err != nil:
		out := cannot("delete every pod under load", err)
		out.evidence = seen
		return out
	case killed > 0:
		return fail(fmt.Sprintf("No request failed, but %s had to be killed: it did not end within its grace.", plural(killed, "process", "processes")),
			"let the process end at SIGTERM, or raise terminationGrace above what its longest request takes", seen...)
	case len(short) > 0:
		return unknown("The load did not come about, so that no request failed tells little.", "run it from a machine that can make the load, or lower drills.rate",
			append(short, seen...)...)
	case unseen > 0:
		return unknown("No request failed, but how "+plural(unseen, "process", "processes")+" ended was not seen.", "make the drill again", seen...)
	}
	return pass(fmt.Sprintf("%s were deleted one after the other under %s, and not one failed.", plural(len(endings), "pod", "pods"), rate), seen...)
}

func (t *trial) rate() float64 {
	if t.spec.Drills.Rate == 0 {
		return defaultRate
	}
	return float64(t.spec.Drills.Rate)
}

// said is how a process ended, for people.
func (e Ending) said() string {
	took := e.Took.Round(100 * time.Millisecond)
	switch {
	case !e.Seen:
		return fmt.Sprintf("gone after %s, its exit was not seen", took)
	case e.Killed():
		return fmt.Sprintf("killed (%s), gone after %s", e.Reason, took)
	}
	return fmt.Sprintf("ended with exit code %d, gone after %s", e.Code, took)
}
