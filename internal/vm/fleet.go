package vm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// Fleet takes facts on many machines at once.
type Fleet struct{ settings Settings }

// New makes a fleet. It reaches nobody yet.
func New(s Settings) *Fleet {
	s.limits = s.limits.filled()
	if s.Local == nil {
		s.Local = here
	}
	return &Fleet{settings: s}
}

// Order is what is wanted of one machine.
type Order struct {
	Reach   Reach
	Request inventory.Request
}

// Result is what came of an order: facts, or why there are none.
type Result struct {
	Facts inventory.Facts
	Err   error // of type *Error where the machine is another one
}

// widest is how many machines are asked at the same time.
const widest = 32

// Take takes the facts of all orders at once, with one key for all digests, which
// nobody else has. say hears the progress of each order, by its place in orders,
// and is called by one goroutine at a time. The results are in the order of orders.
func (f *Fleet) Take(ctx context.Context, orders []Order, say func(int, inventory.Event)) []Result {
	key, id := make([]byte, 32), make([]byte, 8)
	_, _ = rand.Read(key) // it never fails
	_, _ = rand.Read(id)
	defer clear(key)
	var telling sync.Mutex
	ring := &keyring{settings: f.settings, unlocked: map[string]ssh.Signer{}}
	out := make([]Result, len(orders))
	room := make(chan struct{}, widest)
	var all sync.WaitGroup
	for i, o := range orders {
		o.Request.Key, o.Request.KeyID = slices.Clone(key), hex.EncodeToString(id)
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room; clear(o.Request.Key) }()
			out[i].Facts, out[i].Err = f.one(ctx, ring, o, func(e inventory.Event) {
				telling.Lock()
				defer telling.Unlock()
				if say != nil {
					say(i, e)
				}
			})
		})
	}
	all.Wait()
	return out
}

// one carries out one order, within the time that it takes and some more.
func (f *Fleet) one(ctx context.Context, ring *keyring, o Order, say func(inventory.Event)) (inventory.Facts, error) {
	most := o.Request.For + time.Duration(len(o.Request.Drills))*o.Request.DrillFor + f.settings.limits.slack
	ctx, cancel := context.WithTimeoutCause(ctx, most, withHint(fmt.Errorf("it took longer than %s", most), "the machine is too busy or too slow, or somebody was not there to answer"))
	defer cancel()
	if o.Reach.Local {
		facts, err := f.settings.Local(ctx, o.Request, say)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return named(facts, o), err
	}
	m, err := ring.dial(ctx, o.Reach)
	if err != nil {
		return inventory.Facts{}, err
	}
	defer m.close()
	facts, err := ring.take(ctx, m, o.Request, say)
	if err != nil {
		return inventory.Facts{}, &Error{Machine: m.reach.title(), Err: err}
	}
	return named(facts, o), nil
}

// named are the facts under the name that the person gave the machine.
func named(facts inventory.Facts, o Order) inventory.Facts {
	facts.Target = o.Request.Target
	return facts
}

// take looks what the machine is, and has the facts taken there.
func (k *keyring) take(ctx context.Context, m *machine, req inventory.Request, say func(inventory.Event)) (inventory.Facts, error) {
	on, err := m.platform(ctx)
	if err != nil {
		return inventory.Facts{}, err
	}
	b, err := k.settings.binary(on.arch)
	if err != nil {
		return inventory.Facts{}, err
	}
	return k.probe(ctx, m, b, req, say)
}

// Inventory takes the facts on every machine of a migration, for as long as the
// policy says. A machine that gives none is in the report with a gap that says
// why; an error means that there is no report, because the context has ended.
func (f *Fleet) Inventory(ctx context.Context, spec migration.Spec, policy migration.Policy) (inventory.Report, error) {
	return f.Watched(ctx, spec, policy, nil)
}

// Watched is Inventory for somebody who waits: say hears the progress of each
// machine, by its place in the migration, from one goroutine at a time.
func (f *Fleet) Watched(ctx context.Context, spec migration.Spec, policy migration.Policy, say func(int, inventory.Event)) (inventory.Report, error) {
	fleet := New(f.settings.With(policy.SSH))
	report := inventory.Report{Format: inventory.Format, Machines: make([]inventory.Facts, len(spec.VMs))}
	var orders []Order
	var places []int
	for i, m := range spec.VMs {
		o, err := OrderOf(m, spec, policy)
		if err != nil {
			report.Machines[i] = inventory.Unreachable(o.Request.Target, time.Now(), err.Error())
			continue
		}
		orders, places = append(orders, o), append(places, i)
	}
	hear := func(i int, e inventory.Event) {
		if say != nil {
			say(places[i], e)
		}
	}
	for i, r := range fleet.Take(ctx, orders, hear) {
		report.Machines[places[i]] = r.Facts
		if r.Err != nil {
			report.Machines[places[i]] = inventory.Unreachable(orders[i].Request.Target, time.Now(), Why(r.Err))
		}
	}
	if err := ctx.Err(); err != nil {
		return inventory.Report{}, fmt.Errorf("take the facts of %s: %w", spec.Name, context.Cause(ctx))
	}
	return report, nil
}

// Why is an error with what helps against it, in one line.
func Why(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return err.Error() + " (" + h.Hint() + ")"
	}
	return err.Error()
}

// OrderOf is what a migration wants to know of one of its machines. Even beside
// an error, which says what is wrong with the way to it, the order names its
// target.
func OrderOf(m migration.VM, spec migration.Spec, policy migration.Policy) (Order, error) {
	t := inventory.Target{Host: m.Host, Unit: m.Unit}
	if t.Unit == "" {
		t.Port = m.Port
	}
	o := Order{Request: inventory.Request{
		Target: t, Every: policy.ProbeEvery, For: policy.ProbeFor, Dirs: m.ConfigDirs, HealthPaths: healthPaths(spec),
	}}
	var err error
	if o.Reach, err = ReachOf(m); err != nil {
		return o, err
	}
	if t.Unit == "" && t.Port == 0 {
		return o, errors.New("neither a unit nor a port says which application it is")
	}
	return o, nil
}

// healthPaths are those that a migration declares, and those that the checklist
// asks for.
func healthPaths(spec migration.Spec) []string {
	paths := []string{"/healthz", "/readyz", spec.OldEntry.ProbePath}
	for _, w := range spec.Workloads {
		paths = append(paths, w.Health.ReadinessPath, w.Health.LivenessPath)
	}
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return p == "" })
}

// Check reaches a machine as Inventory does and says what it found, without
// taking facts: that the login is accepted, what the machine is, and that there
// is an agent for it. Nothing is sent to it.
func (f *Fleet) Check(ctx context.Context, m migration.VM, policy migration.Policy) (string, error) {
	r, err := ReachOf(m)
	if err != nil || r.Local {
		return "this machine", err
	}
	settings := f.settings.With(policy.SSH)
	ring := &keyring{settings: settings, unlocked: map[string]ssh.Signer{}}
	conn, err := ring.dial(ctx, r)
	if err != nil {
		return "", err
	}
	defer conn.close()
	on, err := conn.platform(ctx)
	if err == nil {
		var b binary
		if b, err = settings.binary(on.arch); err == nil {
			return fmt.Sprintf("%s, Linux on %s, agent %s", conn.reach.title(), on.arch, b.path), nil
		}
	}
	return "", &Error{Machine: conn.reach.title(), Err: err}
}

// Preview says what Take would do for an order, without reaching anybody.
func (f *Fleet) Preview(o Order) []string {
	if o.Reach.Local {
		return []string{"look at " + o.Request.Target.String() + " from this process; nothing is copied"}
	}
	r := o.Reach
	r.User = f.settings.userOf(r)
	as := ""
	if f.settings.Sudo {
		as = ", by sudo where that is not root"
	}
	return []string{
		fmt.Sprintf("log in at %s as %s, where its host key is known", r.Address(), r.User),
		"ask it for its platform: uname -s -m",
		"copy rehome-agent into a new directory of its own below /tmp, /var/tmp or the home directory",
		fmt.Sprintf("run it there as %s%s: rehome-agent probe", r.User, as),
		"remove the directory",
	}
}
