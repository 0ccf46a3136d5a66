package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// Run makes the drills that the request allows and adds their outcomes to f, which
// holds everything else by then. It returns when the second instance and all that
// was made for it is gone again, also when ctx ends. say hears what is going on.
func Run(ctx context.Context, s *scope.Scope, f *inventory.Facts, say func(string)) {
	for _, name := range s.Request.Drills {
		d := inventory.Drill{Name: name, At: time.Now().UTC()}
		r := &runner{s: s, f: f, d: &d, bound: s.Request.DrillFor, say: say}
		if r.bound <= 0 {
			r.bound = defaultFor
		}
		if say == nil {
			r.say = func(string) {}
		}
		if err := r.run(ctx); err != nil {
			d.Passed, d.Err = false, err.Error()
		}
		f.Drills = append(f.Drills, d)
	}
}

// runner makes one drill.
type runner struct {
	s     *scope.Scope
	f     *inventory.Facts
	d     *inventory.Drill
	bound time.Duration
	say   func(string)
}

func (r *runner) run(ctx context.Context) (err error) {
	ports := tcpPorts(r.f)
	if err := r.possible(ports); err != nil {
		return err
	}
	within := r.stopWithin()
	bound := 2*r.bound + within + 15*time.Second // start, settle and ask, end, remove
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	r.say(fmt.Sprintf("drill %s: starting a second instance in a network of its own", r.d.Name))
	in, err := begin(ctx, r.plan(), bound)
	if err != nil {
		return err
	}
	defer in.remove()
	r.d.How = r.how(in)
	starting, stop := context.WithTimeout(ctx, r.bound)
	defer stop()
	open, err := in.awaitListener(starting, ports)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the second instance, without anything that it depends on: %w; a drill on the image has to prove it", err)
	}
	r.d.Boot, r.d.Opened = time.Since(in.began), in.opened()
	if r.d.Name == inventory.DrillHealth {
		return r.health(ctx, in, open)
	}
	return r.sigterm(ctx, in, open, within)
}

// possible says why a second instance cannot be started, or must not be.
func (r *runner) possible(ports []int) error {
	u := r.s.Unit
	switch {
	case r.d.Name != inventory.DrillHealth && r.d.Name != inventory.DrillSIGTERM:
		return fmt.Errorf("there is no drill %q", r.d.Name)
	case os.Geteuid() != 0:
		return errors.New("starting a second instance needs root")
	case r.s.Main == 0:
		return errors.New("the application does not run, so that there is nothing to start once more")
	case len(ports) == 0:
		return errors.New("it listens on no TCP port, so that it cannot be asked")
	case u != nil && slices.ContainsFunc(u.TriggeredBy, func(t string) bool { return strings.HasSuffix(t, ".socket") }):
		return errors.New("systemd hands it its sockets, which a second instance would not get")
	case r.d.Name == inventory.DrillHealth && len(dependencies(r.f)) == 0:
		return errors.New("nothing is known that it depends on and that could be taken away")
	case r.d.Name == inventory.DrillHealth && len(r.before()) == 0:
		return errors.New("no health path of the running application answers 200")
	}
	return r.roomFor()
}

// roomFor demands memory for twice what the application has taken at most.
func (r *runner) roomFor() error {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if need := 2 * r.f.Usage.MemoryBytes.Max; err == nil && kib*1024 < need {
				return fmt.Errorf("%d MiB of memory are free, and a second instance may take half of %d MiB", kib/1024, need>>20)
			}
		}
	}
	return nil
}

func (r *runner) plan() plan {
	p := plan{PID: r.s.Main}
	if _, err := os.Stat("/run/systemd/system"); err == nil && r.s.Unit != nil {
		u := r.s.Unit
		p.Unit, p.Root, p.Forks = u.Name, u.User == "" || u.User == "root", u.Type == "forking"
		if f := u.Settings["PIDFile"]; f != "" {
			p.Hide = append(p.Hide, f)
		}
	}
	for _, s := range r.f.Sockets {
		if s.Listening && strings.HasPrefix(s.Path, "/") {
			p.Hide = append(p.Hide, s.Path)
		}
	}
	for _, f := range r.f.Files {
		pid := strings.HasSuffix(f.Path, ".pid")
		if log := f.Class == inventory.FileLog && f.Written; log || pid {
			p.Hide = append(p.Hide, f.Path)
		}
	}
	return p
}

// how says what the drill was made on.
func (r *runner) how(in *instance) string {
	with := "as a child of the probe"
	if in.unit != "" {
		with = "as a transient unit of systemd"
	}
	text := "a second instance from the same command, environment and user, " + with + ", in a network of its own without any peer; what it writes is thrown away"
	if len(in.bare) > 0 {
		names := make([]string, len(in.bare))
		for i, b := range in.bare {
			names[i] = inventory.Name(b)
		}
		text += ", but below " + strings.Join(names, ", ") + " it has the same files as the running application"
	}
	return text
}

// before are the running application's answers of 200.
func (r *runner) before() []inventory.HealthAnswer {
	var out []inventory.HealthAnswer
	for _, h := range r.f.Health {
		if h.Status == 200 {
			out = append(out, h)
		}
	}
	return out
}

// health asks until no path answers 200 any more, or the application had the time
// to find out that nothing is there: a quarter of the bound, at most 10 s.
func (r *runner) health(ctx context.Context, in *instance, open []int) error {
	r.d.Before = r.before()
	o := order{Ports: open, Patience: min(5*time.Second, r.bound)}
	for _, h := range r.d.Before {
		if !slices.Contains(o.Paths, h.Path) {
			o.Paths = append(o.Paths, h.Path)
		}
	}
	r.say("drill health: asking it without anything that it depends on")
	ctx, cancel := context.WithTimeout(ctx, min(10*time.Second, r.bound/4)+o.Patience*time.Duration(len(o.Paths)*len(open)))
	defer cancel()
	settled := time.Now().Add(min(10*time.Second, r.bound/4))
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := in.ask(ctx, o, func(int) {})
		if err != nil {
			return err
		}
		r.d.After = a.Health
		if time.Now().After(settled) {
			judgeHealth(r.d, dependencies(r.f))
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sigterm loads it and sends the signal with which its unit is stopped.
func (r *runner) sigterm(ctx context.Context, in *instance, open []int, within time.Duration) error {
	signal := unix.SIGTERM
	if r.s.Unit != nil {
		if n := unix.SignalNum(r.s.Unit.KillSignal); n != 0 {
			signal = n
		} else if n, err := strconv.Atoi(r.s.Unit.KillSignal); err == nil && n > 0 && n < 65 {
			signal = unix.Signal(n)
		}
	}
	mains := in.mains()
	if len(mains) == 0 {
		return errors.New("the second instance ended before it got the signal")
	}
	r.say("drill sigterm: asking it, and sending it the signal meanwhile")
	o := order{Ports: open, Paths: pathsToTry(r.f, r.s.Request.HealthPaths), Signal: int(signal), PIDs: mains, Patience: within}
	asking := make(chan struct{})
	var a answers
	var err error
	asker := make(chan int, 1)
	ending, giveUp := context.WithCancel(ctx)
	defer giveUp()
	go func() {
		defer close(asking)
		if a, err = in.ask(ctx, o, func(pid int) { asker <- pid }); err != nil || a.InFlight == 0 {
			giveUp() // no signal went out: nothing will end
		}
	}()
	over, ended := r.awaitEnd(ending, in, asker, asking, within)
	<-asking
	if err != nil {
		return err
	}
	if a.InFlight > 0 && over {
		r.d.EndedIn = max(ended.Sub(a.Signal), 0)
	}
	r.d.How += fmt.Sprintf("; %d clients asked %s on port %d until %s", a.Clients, a.Path, a.Port, unix.SignalName(signal))
	judgeSignal(r.d, a, over && r.d.EndedIn <= within, within)
	return nil
}

// awaitEnd waits until nothing of the second instance is left, for within after
// the asking process is done at most, and says when that was.
func (r *runner) awaitEnd(ctx context.Context, in *instance, asker <-chan int, asking <-chan struct{}, within time.Duration) (bool, time.Time) {
	pid := 0
	select {
	case pid = <-asker:
	case <-asking:
	case <-ctx.Done():
	}
	var deadline time.Time
	over := false
	_ = until(ctx, func() (bool, error) {
		if over = len(in.members(pid)) == 0; over {
			return true, nil
		}
		select {
		case <-asking:
			if deadline.IsZero() {
				deadline = time.Now().Add(within)
			}
		default:
		}
		return !deadline.IsZero() && time.Now().After(deadline), nil
	})
	return over, time.Now()
}

// stopWithin is how long the unit gives its processes to end, and no longer than the drill.
func (r *runner) stopWithin() time.Duration {
	within := defaultStop
	if r.s.Unit != nil && r.s.Unit.TimeoutStop > 0 {
		within = r.s.Unit.TimeoutStop
	}
	return min(within, r.bound)
}
