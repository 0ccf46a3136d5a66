package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/tree"
)

// exercise lets the application work: the smoke suite on every pod, and a session
// where the migration says how one is begun.
func (t *trial) exercise(ctx context.Context, list []Pod) (did bool, out outcome, ok bool) {
	for _, p := range list {
		ran, failures, err := t.smoke(ctx, p)
		if err != nil {
			return false, cannot("run the smoke suite on pod "+p.Name, err), false
		}
		if len(failures) > 0 {
			return false, fail("The application does not do its work.", "mend what the smoke suite finds", failures...), false
		}
		did = did || ran
		if s := t.spec.Drills.Session; s != nil {
			if _, out, ok := t.begun(ctx, s, p); !ok {
				return false, out, false
			}
			did = true
		}
	}
	return did, outcome{}, true
}

// readOnly sees that nothing is written to the image's file system: it cannot be,
// the application works all the same, and what it writes is in its volumes.
func (t *trial) readOnly(ctx context.Context) outcome {
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	before, began := map[string]Usage{}, time.Now()
	for _, p := range list {
		if !p.ReadOnlyRoot {
			return fail("The root file system of the application's container can be written to.",
				"set readOnlyRootFilesystem, and mount scratch where the application writes", "pod "+p.Name+": readOnlyRootFilesystem is not true")
		}
		u, err := t.measured(ctx, p, began)
		if err != nil {
			return t.unmeasured(err)
		}
		before[p.UID] = u
	}
	did, out, ok := t.exercise(ctx, list)
	if !ok {
		return out
	}
	if !did {
		return unknown("Nothing lets the application work, so that it had no reason to write.", "declare a smoke suite, or drills.session")
	}
	worked := time.Now()
	var grown, refused, seen []string
	for _, p := range list {
		u, err := t.measured(ctx, p, worked)
		if err != nil {
			return t.unmeasured(err)
		}
		g, s := written(p, before[p.UID], u)
		grown, seen = append(grown, g...), append(seen, s...)
		log, err := t.bench.Log(ctx, p)
		if err != nil {
			return cannot("read the log of pod "+p.Name, err)
		}
		for _, where := range refusedIn(log) {
			refused = append(refused, fmt.Sprintf("pod %s: %s", p.Name, where))
		}
	}
	switch {
	case len(grown) > 0:
		return fail("The layer above the image grows although it is read-only.", "look who writes there", slices.Concat(grown, seen)...)
	case len(refused) > 0:
		return fail("The application tries to write where it cannot.", "mount scratch there, or take the write out", slices.Concat(refused, seen)...)
	}
	return pass("The root file system is read-only, the application does its work, and nothing was written beside its volumes.", seen...)
}

func (t *trial) unmeasured(err error) outcome {
	return unknown(fmt.Sprintf("What the pods write was not measured: %v.", err),
		"allow get on nodes/proxy, by which the kubelet tells what pods have written (kubectl get --raw /api/v1/nodes/NODE/proxy/stats/summary)")
}

// measured is the first measurement that was made after a time.
func (t *trial) measured(ctx context.Context, p Pod, after time.Time) (Usage, error) {
	var u Usage
	err := t.await(ctx, func(ctx context.Context) error {
		var err error
		if u, err = t.bench.Usage(ctx, p); err != nil {
			return err
		}
		if !u.At.After(after) {
			return fmt.Errorf("pod %s was last measured at %s", p.Name, u.At.Format(time.RFC3339))
		}
		return nil
	})
	return u, err
}

// slack is what a file system takes for itself, in bytes: a directory of overlayfs.
const slack = 16 << 10

// written says what has grown: in the layer above the image, which should not, and
// in volumes, which may.
func written(p Pod, before, after Usage) (grown, seen []string) {
	if after.Root > before.Root {
		grown = append(grown, fmt.Sprintf("pod %s: the layer above the image grew from %d to %d bytes", p.Name, before.Root, after.Root))
	}
	if after.Root > slack && after.Root <= before.Root {
		seen = append(seen, fmt.Sprintf("pod %s: the layer above the image has %d bytes, as before", p.Name, after.Root))
	}
	for _, v := range slices.Sorted(maps.Keys(after.Volumes)) {
		if n := after.Volumes[v]; n > before.Volumes[v] {
			seen = append(seen, fmt.Sprintf("pod %s: volume %s grew by %d bytes", p.Name, v, n-before.Volumes[v]))
		}
	}
	if after.Log > before.Log {
		seen = append(seen, fmt.Sprintf("pod %s: its log grew by %d bytes", p.Name, after.Log-before.Log))
	}
	return grown, seen
}

// refusal is what EROFS reads like (errno(3)), and the path before it.
var refusal = regexp.MustCompile(`(?i)(?:['"]?(/[^\s'":,]*)['"]?[^/\n]{0,40})?(?:read-only file system|EROFS)`)

// refusedIn are the paths at which a log says that the file system is read-only,
// and nothing else of the log.
func refusedIn(log []byte) []string {
	var out []string
	for _, m := range refusal.FindAllSubmatch(log, -1) {
		where := "the log names a read-only file system, and no path"
		if len(m[1]) > 0 {
			where = "writing to " + string(m[1]) + " was refused"
		}
		if !slices.Contains(out, where) {
			out = append(out, where)
		}
	}
	return out
}

// logs sees that what the application says comes out of its container, and that no
// file grows instead.
func (t *trial) logs(ctx context.Context) outcome {
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	before := map[string][]kept{}
	for _, p := range list {
		k, out, ok := t.held(ctx, p)
		if !ok {
			return out
		}
		before[p.UID] = k
	}
	sizes := map[string]int{}
	for _, p := range list {
		log, err := t.bench.Log(ctx, p)
		if err != nil {
			return cannot("read the log of pod "+p.Name, err)
		}
		sizes[p.UID] = len(log)
	}
	did, out, ok := t.exercise(ctx, list)
	if !ok {
		return out
	}
	if !did {
		return unknown("Nothing lets the application work, so that it had nothing to say.", "declare a smoke suite, or drills.session")
	}
	var files, seen, silent []string
	for _, p := range list {
		after, out, ok := t.held(ctx, p)
		if !ok {
			return out
		}
		f, s := longer(p, before[p.UID], after)
		files, seen = append(files, f...), append(seen, s...)
		n := 0
		err := t.few(ctx, func(ctx context.Context) error {
			log, err := t.bench.Log(ctx, p)
			if n = len(log); err == nil && n <= sizes[p.UID] {
				err = errSilent
			}
			return err
		})
		switch {
		case err == nil:
			seen = append(seen, fmt.Sprintf("pod %s: its log grew by %d bytes while it worked", p.Name, n-sizes[p.UID]))
		case errors.Is(err, errSilent):
			silent = append(silent, fmt.Sprintf("pod %s: its log has %d bytes, as before it worked", p.Name, n))
		default:
			return cannot("read the log of pod "+p.Name, err)
		}
	}
	return logged(files, silent, seen, len(list))
}

func logged(files, silent, seen []string, pods int) outcome {
	switch {
	case len(files) > 0:
		return fail("A file grows while the application works.", "let it log to stdout or stderr; a file of a pod ends with it and nobody reads it",
			slices.Concat(files, silent, seen)...)
	case len(silent) == pods:
		return unknown("The application said nothing while it worked, so where it logs was not seen.",
			"let the smoke suite or drills.session do something that the application logs", slices.Concat(silent, seen)...)
	}
	return pass("What the application says comes out of its container, and no file grows.", slices.Concat(seen, silent)...)
}

// longer are the files that have grown. In a claim, where data belongs, one that is
// no log is only named.
func longer(p Pod, before, after []kept) (files, seen []string) {
	for _, a := range after {
		old := map[string]int64{}
		for _, b := range before {
			if b.mount.Path == a.mount.Path {
				for _, e := range b.tree.Entries {
					old[e.Path] = e.Size
				}
			}
		}
		for _, e := range a.tree.Entries {
			if e.Kind != tree.File || e.Size <= old[e.Path] {
				continue
			}
			at := join(a.mount.Path, e.Path)
			line := fmt.Sprintf("pod %s: %s grew by %d bytes", p.Name, at, e.Size-old[e.Path])
			if a.mount.Kind == MountScratch || isLog(at) {
				files = append(files, line)
			} else {
				seen = append(seen, line)
			}
		}
	}
	return files, seen
}

// isLog goes by the name: *.log, *.out, or below a directory log or logs.
func isLog(p string) bool {
	ext := path.Ext(p)
	return ext == ".log" || ext == ".out" || slices.ContainsFunc(strings.Split(path.Dir(p), "/"), func(s string) bool { return s == "log" || s == "logs" })
}
