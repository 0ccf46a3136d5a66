package drill

import (
	"context"
	"fmt"
)

// truthLooks is how many looks in a row must find the endpoint turned and the
// process alive: one that is still starting is not ready either.
const truthLooks = 10

// truthBound is how many looks the endpoint may go on answering well.
const truthBound = 60

// truth takes away what the readiness tells of, from a copy of the pod that nobody
// is sent to, and sees the endpoint turn while the process lives on.
func (t *trial) truth(ctx context.Context) outcome {
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	ready := t.workload.Health.ReadinessPath
	status, err := t.statusOf(ctx, list[0], ready)
	if err != nil {
		return cannot("ask for "+pathOf(ready), err)
	}
	if status != 200 {
		return fail(fmt.Sprintf("%s of a pod that is ready answers %d and not 200.", pathOf(ready), status), "let it answer 200 where it is ready",
			fmt.Sprintf("pod %s: %s answers %d", list[0].Name, pathOf(ready), status))
	}
	if len(t.spec.Drills.Truth) == 0 {
		return unknown("Nothing says what is to be taken away from a pod, so nobody has seen the endpoint turn.",
			"name in drills.truth the variables with which a pod cannot reach what it needs, each with an address that nobody answers at",
			fmt.Sprintf("pod %s: %s answers 200", list[0].Name, pathOf(ready)))
	}
	copied, err := t.bench.Copy(ctx, t.workload.Name, t.spec.Drills.Truth)
	if err != nil {
		return cannot("make a copy of the pod", err)
	}
	err = t.await(ctx, func(ctx context.Context) error {
		var err error
		if copied, err = t.bench.Look(ctx, copied); err != nil {
			return err
		}
		if !copied.Running && copied.Restarts == 0 {
			return fmt.Errorf("the process does not run yet: %s", copied.Trouble)
		}
		return nil
	})
	if err != nil {
		return cannot("start the copy of the pod", err)
	}
	return t.turned(ctx, copied)
}

// turned looks until the endpoint of the copy has turned, and stays so.
func (t *trial) turned(ctx context.Context, copied Pod) outcome {
	ready, alive := t.workload.Health.ReadinessPath, t.workload.Health.LivenessPath
	var last, row, answered int
	err := t.await(ctx, func(ctx context.Context) error {
		p, err := t.bench.Look(ctx, copied)
		if err != nil {
			return err
		}
		if p.Restarts > 0 {
			copied = p
			return nil
		}
		if last, err = t.statusOf(ctx, p, ready); err != nil {
			row = 0
			return err
		}
		answered++
		if good(last) {
			if row = 0; answered >= truthBound {
				return nil
			}
			return fmt.Errorf("%s answers %d", pathOf(ready), last)
		}
		if row++; alive != "" {
			if s, err := t.statusOf(ctx, p, alive); err == nil && !good(s) {
				answered = -1
				return nil
			}
		}
		if row < truthLooks {
			return fmt.Errorf("%s answers %d, %d times so far", pathOf(ready), last, row)
		}
		return nil
	})
	switch {
	case copied.Restarts > 0:
		return fail("The process ended where what it needs was taken away, instead of saying that it is not ready.",
			"let it live on and answer its readiness with 503 until what it needs is there",
			fmt.Sprintf("copy %s: %s", copied.Name, plural(int(copied.Restarts), "restart", "restarts")))
	case answered < 0:
		return fail(fmt.Sprintf("With what it needs taken away %s turns too: the pod would be restarted for nothing.", pathOf(alive)),
			"let the liveness tell of the process alone", fmt.Sprintf("copy %s: %s answers %d", copied.Name, pathOf(ready), last))
	case err != nil:
		return cannot("see the endpoint of the copy", err)
	case good(last):
		return fail(fmt.Sprintf("%s answers %d although what the pod needs was taken away: it would be sent requests that it cannot answer.", pathOf(ready), last),
			"let the readiness ask what the application cannot do without",
			fmt.Sprintf("copy %s: %s answered %d, %d looks in a row", copied.Name, pathOf(ready), last, answered))
	}
	return pass(fmt.Sprintf("%s answers 200 with all that the pod needs and %d without it, and the process lives on.", pathOf(ready), last),
		fmt.Sprintf("copy %s: %s answered %d, %d looks in a row, and no restart", copied.Name, pathOf(ready), last, row))
}

func (t *trial) statusOf(ctx context.Context, p Pod, path string) (int, error) {
	var status int
	err := t.at(ctx, p, func(base string) error {
		var err error
		status, _, err = t.ask(ctx, question{base: base, path: path})
		return err
	})
	return status, err
}
