// Package secretstest is what every store of secrets must do. Each implementation
// runs the suite in its own tests.
//
// It must not know an implementation.
package secretstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// World is an empty store with what a test needs to know of it.
type World struct {
	Store secrets.Store
	// Holds is what is kept under a name, nil where nothing is.
	Holds func(name string) map[string]string
	// Replace has somebody else put an object there, over whatever is there.
	Replace func(o convert.Object)
	// Writes is how often something was changed.
	Writes func() int
	// Sent is everything that the store was sent since the world began, if that can
	// be seen.
	Sent func() string
	// Deny takes the right to write away, from now on.
	Deny func()
	// Away takes the server away, nil where there is none.
	Away func()
	// Echo has the server repeat in its errors what it was sent, and refuse every
	// write that is not dry.
	Echo func()
}

// Namespace is where all objects are.
const Namespace = "bank"

const canary = "c4nary-0f-the-stores"

// Object is a Secret of the suite.
func Object(name, value string) convert.Object {
	return convert.Object{Kind: convert.Secret, Namespace: Namespace, Name: name, Data: map[string]tree.Content{
		"app.conf": tree.Content("password=" + canary + value), "empty": {}, "binary": tree.Content(canary + "\x00\xff\xfe" + value), "many-lines": tree.Content("a: \"1\"\r\n\tb\\n\u2028\x01"),
	}}
}

// Run runs the suite; open gives a new world for each of its tests.
func Run(t *testing.T, open func(*testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, World)
	}{
		{"what is not there is written", written},
		{"what is there and holds the same is done", again},
		{"what is there and holds something else is never overwritten", different},
		{"where one cannot be written none is", together},
		{"a dry run writes nothing and sends no value", dry},
		{"a right that is missing is named before anything is written", denied},
		{"an ended context writes nothing", ended},
		{"a server that repeats what it was sent is not quoted", echoed},
		{"a server that is away is told as that", away},
		{"nothing to write is done", nothing},
		{"what was written can be forgotten", forgotten},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(t *testing.T, w World, dryRun bool, objs ...convert.Object) ([]secrets.Receipt, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := w.Store.Put(ctx, objs, dryRun)
	said := fmt.Sprintf("%v %+v %#v", r, r, r)
	if err != nil {
		said += fmt.Sprintf("%v %+v %#v", err, err, err)
		for e := err; e != nil; e = errors.Unwrap(e) {
			said += fmt.Sprintf("%v %+v", e, e)
		}
		var h interface{ Hint() string }
		if errors.As(err, &h) {
			said += h.Hint()
		}
	}
	if shows(said) {
		t.Errorf("a value is shown: %s", said)
	}
	return r, err
}

// shows says whether a text has the canary, as it is or in base64 from any place on.
func shows(text string) bool {
	for _, part := range []string{"c4nary", "YzRuYXJ5", "M0bmFyeS", "jNG5hcn"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func holds(t *testing.T, w World, want convert.Object) {
	t.Helper()
	got := w.Holds(want.Name)
	plain := map[string]string{}
	for k, v := range want.Data {
		plain[k] = string(v)
	}
	if !maps.Equal(got, plain) {
		t.Errorf("%s holds %q, want %q", want.Name, got, plain)
	}
}

func done(t *testing.T, rs []secrets.Receipt, err error, want ...secrets.Done) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(rs) != len(want) {
		t.Fatalf("%d receipts, want %d", len(rs), len(want))
	}
	for i, r := range rs {
		if r.Done != want[i] || r.Namespace != Namespace || r.Kind != convert.Secret || r.Place == "" {
			t.Errorf("receipt %d: %+v, want %s", i, r, want[i])
		}
	}
}

func failed(t *testing.T, err, want error) {
	t.Helper()
	e, ok := errors.AsType[*secrets.Error](err)
	if !ok || !errors.Is(err, want) || e.Op == "" {
		t.Errorf("%v is no *Error of the kind %q", err, want)
	}
}

func written(t *testing.T, w World) {
	if err := w.Store.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	a, b := Object("bank-1", "a"), Object("bank-2", "b")
	r, err := put(t, w, false, a, b)
	done(t, r, err, secrets.Written, secrets.Written)
	if r[0].Name != "bank-1" || r[1].Name != "bank-2" {
		t.Errorf("the receipts are not in order: %+v", r)
	}
	holds(t, w, a)
	holds(t, w, b)
}

func again(t *testing.T, w World) {
	a, b := Object("bank-1", "a"), Object("bank-2", "b")
	r, err := put(t, w, false, a)
	done(t, r, err, secrets.Written)
	before := w.Writes()
	r, err = put(t, w, false, a)
	done(t, r, err, secrets.There)
	r, err = put(t, w, true, a, b)
	done(t, r, err, secrets.There, secrets.WouldWrite)
	if w.Writes() != before {
		t.Errorf("%d writes of what was there", w.Writes()-before)
	}
	r, err = put(t, w, false, a, b)
	done(t, r, err, secrets.There, secrets.Written)
	holds(t, w, a)
	holds(t, w, b)
}

func different(t *testing.T, w World) {
	a := Object("bank-1", "a")
	r, err := put(t, w, false, a)
	done(t, r, err, secrets.Written)
	more, less := Object("bank-1", "a"), Object("bank-1", "a")
	more.Data["one-more"] = tree.Content(canary)
	delete(less.Data, "empty")
	for _, other := range []convert.Object{Object("bank-1", "other"), more, less} {
		for _, dryRun := range []bool{true, false} {
			_, err := put(t, w, dryRun, other)
			failed(t, err, secrets.ErrDifferent)
		}
	}
	holds(t, w, a)
}

func together(t *testing.T, w World) {
	w.Replace(Object("bank-2", "of somebody else"))
	before := w.Writes()
	_, err := put(t, w, false, Object("bank-1", "a"), Object("bank-2", "b"), Object("bank-3", "c"))
	failed(t, err, secrets.ErrDifferent)
	if w.Writes() != before || w.Holds("bank-1") != nil || w.Holds("bank-3") != nil {
		t.Error("something was written all the same")
	}
	holds(t, w, Object("bank-2", "of somebody else"))
}

func dry(t *testing.T, w World) {
	r, err := put(t, w, true, Object("bank-1", "a"))
	done(t, r, err, secrets.WouldWrite)
	if w.Writes() != 0 || w.Holds("bank-1") != nil {
		t.Error("it was written")
	}
	if w.Sent != nil && shows(w.Sent()) {
		t.Error("a value was sent")
	}
}

func denied(t *testing.T, w World) {
	w.Deny()
	failed(t, w.Store.Check(t.Context()), secrets.ErrForbidden)
	for _, dryRun := range []bool{true, false} {
		_, err := put(t, w, dryRun, Object("bank-1", "a"))
		failed(t, err, secrets.ErrForbidden)
		var h interface{ Hint() string }
		if !errors.As(err, &h) || h.Hint() == "" {
			t.Errorf("%v: nobody says what to do", err)
		}
	}
	if w.Holds("bank-1") != nil {
		t.Error("it was written")
	}
}

func ended(t *testing.T, w World) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a person")
	cancel(stopped)
	if _, err := w.Store.Put(ctx, []convert.Object{Object("bank-1", "a")}, false); !errors.Is(err, stopped) {
		t.Errorf("%v does not say why", err)
	}
	if w.Holds("bank-1") != nil {
		t.Error("it was written")
	}
}

func echoed(t *testing.T, w World) {
	if w.Echo == nil {
		return
	}
	w.Echo()
	if _, err := put(t, w, false, Object("bank-1", "a")); err == nil {
		t.Error("it was refused")
	} else {
		failed(t, err, secrets.ErrRefused)
	}
}

func away(t *testing.T, w World) {
	if w.Away == nil {
		return
	}
	w.Away()
	failed(t, w.Store.Check(t.Context()), secrets.ErrUnreachable)
	_, err := put(t, w, false, Object("bank-1", "a"))
	failed(t, err, secrets.ErrUnreachable)
}

func nothing(t *testing.T, w World) {
	r, err := put(t, w, false)
	done(t, r, err)
}

func forgotten(t *testing.T, w World) {
	a := Object("bank-1", "a")
	value := a.Data["app.conf"]
	r, err := put(t, w, false, a)
	done(t, r, err, secrets.Written)
	secrets.Forget([]convert.Object{a})
	if shows(string(value)) || len(a.Data) != 0 {
		t.Error("it was not")
	}
	holds(t, w, Object("bank-1", "a"))
}
