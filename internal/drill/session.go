package drill

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// session replays a cookie of one pod on the others, and one of the old side on a
// pod. The cookies are in this function's memory and nowhere else.
func (t *trial) session(ctx context.Context) outcome {
	s := t.spec.Drills.Session
	if s == nil {
		return unknown("Nothing says how a session is begun and found again.",
			"name in drills.session the paths that begin and that check one, or skip the drill with the reason that there is none")
	}
	list, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	if len(list) < 2 {
		return unknown("There is one pod alone, and no other on which a session could be replayed.", "let staging have two replicas")
	}
	first := list[0]
	cookies, out, ok := t.begun(ctx, s, first)
	if !ok {
		return out
	}
	seen := []string{fmt.Sprintf("pod %s: %s answers %d with its own session and otherwise without one", first.Name, pathOf(s.Check), s.Status)}
	for _, p := range list[1:] {
		status, err := t.checked(ctx, s, p, cookies)
		if err != nil {
			return cannot("replay the session on pod "+p.Name, err)
		}
		if status != s.Status {
			return fail(fmt.Sprintf("A session of pod %s is not known to pod %s.", first.Name, p.Name),
				"keep sessions where every pod finds them: in a store, or in a signed cookie whose key all pods share",
				fmt.Sprintf("pod %s: %s answers %d with the session of pod %s, wanted %d", p.Name, pathOf(s.Check), status, first.Name, s.Status))
		}
		seen = append(seen, fmt.Sprintf("pod %s: %s answers %d with the session of pod %s", p.Name, pathOf(s.Check), status, first.Name))
	}
	if !s.Old {
		return pass(fmt.Sprintf("A session of pod %s holds on every other pod. Sessions of the old side were not tried: drills.session does not ask for it.", first.Name), seen...)
	}
	return t.oldSession(ctx, s, list[len(list)-1], seen)
}

// begun gives the cookies of a session that the pod knows, and that it asks for.
func (t *trial) begun(ctx context.Context, s *migration.SessionDrill, p Pod) ([]*http.Cookie, outcome, bool) {
	var cookies []*http.Cookie
	var with, without int
	err := t.at(ctx, p, func(base string) error {
		var err error
		cookies, with, without, err = t.sessionAt(ctx, s, base, "")
		return err
	})
	out, ok := t.sound(s, "pod "+p.Name, cookies, with, without, err)
	return cookies, out, ok
}

// sessionAt begins a session, and checks with it and without it.
func (t *trial) sessionAt(ctx context.Context, s *migration.SessionDrill, base, host string) (cookies []*http.Cookie, with, without int, err error) {
	if without, _, err = t.ask(ctx, question{base: base, path: s.Check, host: host}); err != nil {
		return nil, 0, 0, err
	}
	if _, cookies, err = t.ask(ctx, question{base: base, method: s.Method, path: s.Begin, host: host}); err != nil {
		return nil, 0, 0, err
	}
	if len(cookies) > 0 {
		with, _, err = t.ask(ctx, question{base: base, path: s.Check, host: host, cookies: cookies})
	}
	return cookies, with, without, err
}

// sound says whether the check tells a session from none.
func (t *trial) sound(s *migration.SessionDrill, where string, cookies []*http.Cookie, with, without int, err error) (outcome, bool) {
	const remedy = "mend drills.session: begin sets a cookie, and check answers status with it and something else without it"
	switch {
	case err != nil:
		return cannot("begin a session at "+where, err), false
	case len(cookies) == 0:
		return unknown(fmt.Sprintf("%s sets no cookie.", pathOf(s.Begin)), remedy, where+": no cookie"), false
	case with != s.Status:
		return unknown(fmt.Sprintf("%s does not know the session that it has just begun.", capital(where)), remedy,
			fmt.Sprintf("%s: %s answers %d with its own session, wanted %d", where, pathOf(s.Check), with, s.Status)), false
	case without == s.Status:
		return unknown(fmt.Sprintf("%s answers the same with a session and without one, so it tells nothing.", pathOf(s.Check)), remedy,
			fmt.Sprintf("%s: %s answers %d without a session", where, pathOf(s.Check), without)), false
	}
	return outcome{}, true
}

// checked is what a pod answers with those cookies.
func (t *trial) checked(ctx context.Context, s *migration.SessionDrill, p Pod, cookies []*http.Cookie) (int, error) {
	var status int
	err := t.at(ctx, p, func(base string) error {
		var err error
		status, _, err = t.ask(ctx, question{base: base, path: s.Check, cookies: cookies})
		return err
	})
	return status, err
}

// oldSession replays a session of the old side on a pod.
func (t *trial) oldSession(ctx context.Context, s *migration.SessionDrill, p Pod, seen []string) outcome {
	if len(t.spec.OldEntry.Addresses) == 0 {
		return unknown("The migration names no address of the old side.", "name oldEntry.addresses", seen...)
	}
	host := ""
	if names := t.spec.HostNames(migration.Production, t.workload.Name); len(names) > 0 {
		host = names[0]
	}
	port := t.spec.OldEntry.Port
	if port == 0 {
		port = 80
	}
	base := "http://" + net.JoinHostPort(t.spec.OldEntry.Addresses[0], strconv.Itoa(port))
	cookies, with, without, err := t.sessionAt(ctx, s, base, host)
	if out, ok := t.sound(s, "the old side", cookies, with, without, err); !ok {
		out.evidence = append(out.evidence, seen...)
		return out
	}
	status, err := t.checked(ctx, s, p, cookies)
	if err != nil {
		return cannot("replay the old side's session on pod "+p.Name, err)
	}
	if status != s.Status {
		return fail("A session of the old side is not known to a pod: whoever is signed in is signed out at the switch.",
			"let both sides find sessions in one store, or sign cookies with the same key; or say with drills.session.old: false that they end",
			append([]string{fmt.Sprintf("pod %s: %s answers %d with a session of the old side, wanted %d", p.Name, pathOf(s.Check), status, s.Status)}, seen...)...)
	}
	return pass("A session of one pod holds on every other, and one of the old side holds on a pod.",
		append(seen, fmt.Sprintf("pod %s: %s answers %d with a session of the old side", p.Name, pathOf(s.Check), status))...)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
