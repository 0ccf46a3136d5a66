package drill

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"rehome.dev/rehome/internal/tree"
)

// replace deletes one pod, and compares what there was before with what its
// successor has: the files of its claims, its session, and what it answers.
func (t *trial) replace(ctx context.Context) outcome {
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	victim := list[len(list)-1]
	smoked, failures, err := t.smoke(ctx, victim)
	if err != nil {
		return cannot("run the smoke suite on pod "+victim.Name, err)
	}
	if len(failures) > 0 {
		return unknown("The smoke suite fails before anything is disturbed.", "mend the release or the suite first", failures...)
	}
	var cookies []*http.Cookie
	if s := t.spec.Drills.Session; s != nil {
		var out outcome
		var ok bool
		if cookies, out, ok = t.begun(ctx, s, victim); !ok {
			return out
		}
	}
	before, out, ok := t.held(ctx, victim)
	if !ok {
		return out
	}
	if !smoked && cookies == nil && len(before) == 0 {
		return unknown("Nothing says what a successor of a pod has to be able to do.", "declare a smoke suite, or drills.session")
	}
	t.disturbs = true
	how, err := t.bench.End(ctx, victim)
	if err != nil {
		return cannot("delete pod "+victim.Name, err)
	}
	now, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready again", err)
	}
	next := successor(list, now, victim)
	seen := []string{fmt.Sprintf("pod %s: %s; its successor is %s", victim.Name, how.said(), next.Name)}
	return t.afterwards(ctx, next, before, cookies, smoked, seen)
}

// successor is the pod that was not there before, or that has the name of the one
// that was deleted.
func successor(before, now []Pod, victim Pod) Pod {
	for _, p := range now {
		if p.Name == victim.Name {
			return p
		}
	}
	for _, p := range now {
		if !slices.ContainsFunc(before, func(b Pod) bool { return b.UID == p.UID }) {
			return p
		}
	}
	return now[len(now)-1]
}

// kept is the tree of one volume of a pod.
type kept struct {
	mount Mount
	tree  tree.Tree
}

// held reads what the pod has in its claims and scratch volumes.
func (t *trial) held(ctx context.Context, p Pod) ([]kept, outcome, bool) {
	mounts := slices.DeleteFunc(slices.Clone(p.Mounts), func(m Mount) bool { return m.Kind != MountClaim && m.Kind != MountScratch })
	if len(mounts) == 0 {
		return nil, outcome{}, true
	}
	run, err := t.enter(ctx, p)
	if err != nil {
		return nil, blind(err), false
	}
	var out []kept
	for _, m := range mounts {
		tr, err := run.tree(ctx, m.Path)
		if err != nil {
			return nil, cannot("read the volume at "+m.Path+" of pod "+p.Name, err), false
		}
		out = append(out, kept{m, tr})
	}
	return out, outcome{}, true
}

// afterwards compares what the successor has and answers.
func (t *trial) afterwards(ctx context.Context, next Pod, before []kept, cookies []*http.Cookie, smoked bool, seen []string) outcome {
	var lost, unread []string
	after, out, ok := t.held(ctx, next)
	if !ok {
		out.evidence = append(out.evidence, seen...)
		return out
	}
	for _, b := range before {
		if b.mount.Kind == MountScratch {
			seen = append(seen, scratched(b)...)
			continue
		}
		i := slices.IndexFunc(after, func(a kept) bool { return a.mount.Path == b.mount.Path })
		if i < 0 {
			lost = append(lost, b.mount.Path+" is no volume of the successor")
			continue
		}
		gone, changed, hidden := survived(b.tree, after[i].tree)
		lost, unread, seen = append(lost, gone...), append(unread, hidden...), append(seen, changed...)
	}
	if s := t.spec.Drills.Session; s != nil && cookies != nil {
		status, err := t.checked(ctx, s, next, cookies)
		switch {
		case err != nil:
			return cannot("replay the session on pod "+next.Name, err)
		case status != s.Status:
			lost = append(lost, fmt.Sprintf("the session of the pod that was deleted: %s answers %d, wanted %d", pathOf(s.Check), status, s.Status))
		default:
			seen = append(seen, fmt.Sprintf("pod %s: %s answers %d with a session of the pod that was deleted", next.Name, pathOf(s.Check), status))
		}
	}
	if smoked {
		_, failures, err := t.smoke(ctx, next)
		if err != nil {
			return cannot("run the smoke suite on pod "+next.Name, err)
		}
		lost = append(lost, failures...)
	}
	switch {
	case len(lost) > 0:
		return fail("With the pod went what its successor would need.",
			"keep it in a claim (a StatefulSet) or outside of the pods", slices.Concat(lost, seen)...)
	case len(unread) > 0:
		return unknown("Not every file of the volumes could be read.", "let the agent's image run as the user of the application", slices.Concat(unread, seen)...)
	}
	return pass("A pod was deleted, and its successor has and answers all that was asked for.", seen...)
}

// scratched names what stood in a volume that ends with its pod.
func scratched(k kept) []string {
	var out []string
	for _, e := range k.tree.Entries {
		if e.Kind == tree.File {
			out = append(out, fmt.Sprintf("%s: %d bytes, gone with the pod", join(k.mount.Path, e.Path), e.Size))
		}
	}
	return out
}

// survived compares a volume before and after. Gone is a file that is missing or
// has become shorter; one that has changed is named and may be the application's
// own doing.
func survived(before, after tree.Tree) (gone, changed, hidden []string) {
	now := map[string]tree.Entry{}
	for _, e := range after.Entries {
		now[e.Path] = e
	}
	for _, b := range before.Entries {
		path := join(before.Root, b.Path)
		a, there := now[b.Path]
		switch {
		case b.Err != "":
			hidden = append(hidden, path+": "+b.Err)
		case !there:
			gone = append(gone, path+" is missing")
		case a.Err != "":
			hidden = append(hidden, path+": "+a.Err)
		case a.Kind != b.Kind:
			gone = append(gone, fmt.Sprintf("%s was a %s and is a %s", path, b.Kind, a.Kind))
		case b.Kind == tree.File && a.Size < b.Size:
			gone = append(gone, fmt.Sprintf("%s had %d bytes and has %d", path, b.Size, a.Size))
		case b.Kind == tree.File && a.SHA256 != b.SHA256:
			changed = append(changed, path+" has changed")
		}
	}
	return gone, changed, hidden
}
