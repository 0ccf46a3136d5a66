package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/wire"
)

type probeFlags struct {
	unit              string
	pid, port         int
	hosts             []string
	length, every     time.Duration
	dirs, healthPaths []string
	loginFlags
	policy                        string
	drills                        []string
	drillFor                      time.Duration
	yes, dry                      bool
	load                          string
	rate                          float64
	lengthGiven, everyGiven       bool
	healthPathsGiven, loadIsGiven bool
}

func (p *Program) probeCommand() *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe [FILE]",
		Short: "Take the facts of a running application, and change nothing",
		Long: `Takes the facts of an application that runs on a machine: of a systemd unit, of a process
with its children, or of whatever listens at a port. Without --host it looks here. With
--host ssh://user@host:port it logs in, where the machine's host key is known, copies the
small static rehome-agent into a new directory of its own, runs it, and removes it, also
when it is stopped or the connection is lost. Nothing else is touched.

With FILE, a migration, it looks at all machines that the file names, in the ways that
the file and its policy say.

Facts hold no secret: of a variable its name, of a secret its place. What could not be
seen is a gap in them, and unknown to whoever judges them:

  rehome probe --unit royal-bank-api --host ssh://vm -o json > facts.json
  rehome assess royal-bank-api.yaml --facts facts.json

--drill makes an experiment on a second instance of the application, started beside it
from the same command in a network and a view of the disk of its own, and needs --yes:
sigterm ends it under load and counts the requests that get their answer; health takes
away what it depends on and asks for its health.

--load has this machine make requests at a constant rate while the facts are taken: CPU
and memory are then those under that load.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.lengthGiven, f.everyGiven = cmd.Flags().Changed("for"), cmd.Flags().Changed("every")
			f.healthPathsGiven, f.loadIsGiven = cmd.Flags().Changed("health-path"), cmd.Flags().Changed("load")
			return p.probe(cmd.Context(), args, f)
		},
	}
	d := migration.DefaultPolicy()
	c.Flags().StringVar(&f.unit, "unit", "", "the application's systemd unit")
	c.Flags().IntVar(&f.pid, "pid", 0, "the process that the application is, with its children")
	c.Flags().IntVar(&f.port, "port", 0, "the port at which the application listens")
	c.Flags().StringSliceVar(&f.hosts, "host", nil, "the machine as ssh://user@host:port, or local; may be repeated (default this machine)")
	c.Flags().DurationVar(&f.length, "for", d.ProbeFor, "how long to look; 0 looks once")
	c.Flags().DurationVar(&f.every, "every", d.ProbeEvery, "time between two samples")
	c.Flags().StringSliceVar(&f.dirs, "config-dir", nil, "a directory with the application's configuration; may be repeated")
	c.Flags().StringSliceVar(&f.healthPaths, "health-path", nil, "a path that may say how the application is; may be repeated (default the usual ones)")
	f.loginFlags.add(c, "look as root where the login is another user's: what is not seen otherwise is unknown")
	f.addAgent(c)
	c.Flags().StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names)")
	c.Flags().StringSliceVar(&f.drills, "drill", nil, "an experiment to make: sigterm, health; may be repeated")
	c.Flags().DurationVar(&f.drillFor, "drill-for", time.Minute, "bound on each experiment")
	c.Flags().BoolVar(&f.yes, "yes", false, "allow the experiments that --drill names")
	c.Flags().StringVar(&f.load, "load", "", "a URL of the application to make requests to while looking")
	c.Flags().Float64Var(&f.rate, "rate", 0, "requests per second of --load")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "say where would be looked and what would be copied")
	_ = c.RegisterFlagCompletionFunc("drill", cobra.FixedCompletions([]string{string(inventory.DrillSIGTERM), string(inventory.DrillHealth)}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// probing is one call of probe, checked.
type probing struct {
	orders   []wire.MachineOrder
	settings wire.MachineSettings
	flags    probeFlags
}

func (p *Program) probe(ctx context.Context, args []string, f probeFlags) error {
	q, err := p.probing(args, f)
	if err != nil {
		return err
	}
	if f.dry {
		return p.probeDry(q)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type taken struct {
		report inventory.Report
		err    error
	}
	ended := make(chan taken, 1)
	go func() {
		r, err := p.takeFacts(ctx, q)
		ended <- taken{r, err}
	}()
	var t taken
	select {
	case t = <-ended:
	case <-p.Stop:
		p.say("\nstopping; the agent is removed")
		cancel(errStopped)
		select {
		case t = <-ended:
		case <-p.Stop: // the connection goes, and the machine cleans up by itself
		}
		return failed("%w", errStopped).with("nothing was changed; call it again")
	}
	if len(t.report.Machines) > 0 {
		if err := p.emit(t.report, func(w io.Writer) { p.reportText(w, t.report) }); err != nil {
			return err
		}
	}
	return t.err
}

// probing checks the call.
func (p *Program) probing(args []string, f probeFlags) (probing, error) {
	q := probing{flags: f, settings: p.login(f.loginFlags)}
	if err := f.check(); err != nil {
		return q, err
	}
	var err error
	if len(args) == 1 {
		err = q.fromFile(args[0])
	} else {
		err = q.fromFlags()
	}
	if err != nil {
		return q, err
	}
	for _, o := range q.orders {
		if o.Reach.Local && f.sudo && os.Geteuid() != 0 {
			return q, usage("--sudo is for other machines").with("to look here as root: sudo rehome probe …")
		}
	}
	return q, nil
}

// check finds what is wrong with the flags, whatever is probed.
func (f probeFlags) check() error {
	switch {
	case f.length < 0 || f.length > 7*24*time.Hour:
		return usage("--for %s: it may be from 0 to a week", f.length)
	case f.every < 100*time.Millisecond || f.every > time.Hour:
		return usage("--every %s: it may be from 100ms to an hour", f.every).with("a sample that costs nothing does not exist")
	case f.drillFor <= 0 || f.drillFor > time.Hour:
		return usage("--drill-for %s: it may be up to an hour", f.drillFor)
	}
	for _, path := range f.healthPaths {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n?#") {
			return usage("--health-path %q is no path", path).with("write it like /healthz")
		}
	}
	for _, dir := range f.dirs {
		if !strings.HasPrefix(dir, "/") {
			return usage("--config-dir %q is not absolute", dir).with("write the whole path on the machine, like /etc/royal-bank-api")
		}
	}
	if err := f.checkLoad(); err != nil {
		return err
	}
	return f.checkDrills()
}

func (f probeFlags) checkLoad() error {
	if !f.loadIsGiven {
		if f.rate != 0 {
			return usage("--rate needs --load URL")
		}
		return nil
	}
	u, err := url.Parse(f.load)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return usage("--load is not a web address").with("write it like http://bank-vm-1:8080/accounts")
	case u.User != nil:
		return usage("--load holds a user or a password").with("leave them out: a URL is written into the facts")
	case f.rate <= 0:
		return usage("--load needs --rate").with("requests per second, as the application has them when it is busy")
	case f.length == 0:
		return usage("--load needs --for").with("how long the load is made, like 5m")
	}
	return nil
}

// drillWords say what a drill does.
var drillWords = map[string]string{
	"sigterm": "starts a second instance of the application on its machine, sends it requests and SIGTERM, and counts the answers",
	"health":  "starts a second instance of the application on its machine without what it depends on, and asks for its health",
}

func (f probeFlags) checkDrills() error {
	var words []string
	for _, d := range f.drills {
		word, known := drillWords[d]
		if !known {
			return usage("--drill %s: there is no such experiment", d).with("there are sigterm and health")
		}
		words = append(words, d+" "+word)
	}
	if len(words) > 0 && !f.yes && !f.dry {
		return usage("an experiment needs --yes: %s", strings.Join(words, "; ")).with("the running instance is left alone, but the second one starts as it does: it may write where both write, and run what runs at a start")
	}
	return nil
}

func (f probeFlags) request(t inventory.Target) inventory.Request {
	r := inventory.Request{Target: t, Every: f.every, For: f.length, Dirs: f.dirs, HealthPaths: f.healthPaths}
	f.drill(&r)
	return r
}

func (f probeFlags) drill(r *inventory.Request) {
	for _, d := range f.drills {
		r.Drills = append(r.Drills, inventory.DrillName(d))
	}
	if len(r.Drills) > 0 {
		r.DrillFor = f.drillFor
	}
}

// fromFlags is one order for each --host, or one for this machine.
func (q *probing) fromFlags() error {
	f := q.flags
	named := 0
	for _, given := range []bool{f.unit != "", f.pid != 0, f.port != 0} {
		if given {
			named++
		}
	}
	switch {
	case named != 1:
		return usage("probe needs one of --unit, --pid and --port, or the FILE of a migration").with("systemctl list-units --type=service names the units of a machine, ss -ltnp its ports")
	case f.pid < 0:
		return usage("--pid %d is no process", f.pid)
	case f.port < 0 || f.port > 65535:
		return usage("--port %d is no port", f.port)
	case strings.HasPrefix(f.unit, "-") || strings.ContainsAny(f.unit, "/ \t\n"):
		return usage("--unit %q is no unit", f.unit)
	case f.policy != "" && len(f.hosts) == 0:
		return usage("--policy needs --host or FILE")
	}
	if f.policy != "" {
		policy, err := config.LoadPolicy(f.policy)
		if err != nil {
			return err
		}
		q.settings = q.settings.With(policy.SSH)
	}
	hosts := f.hosts
	if len(hosts) == 0 {
		hosts = []string{"local"}
	}
	for _, h := range hosts {
		reach, err := wire.ParseMachineReach(h)
		if err != nil {
			return usage("--host: %w", err)
		}
		t := inventory.Target{Host: reach.Host, Unit: f.unit, PID: f.pid, Port: f.port}
		q.orders = append(q.orders, wire.MachineOrder{Reach: reach, Request: f.request(t)})
	}
	return nil
}

// fromFile is one order for each machine of a migration. What flags say beside
// it counts more.
func (q *probing) fromFile(file string) error {
	f := q.flags
	if f.unit != "" || f.pid != 0 || f.port != 0 || len(f.hosts) > 0 {
		return usage("FILE says what and where: leave out --unit, --pid, --port and --host")
	}
	l, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	q.settings = q.settings.With(l.Policy.SSH)
	if len(l.Spec.VMs) == 0 {
		return failed("%s names no machine", file).with("fill in spec.vms")
	}
	for _, m := range l.Spec.VMs {
		o, err := wire.MachineOrderOf(m, l.Spec, l.Policy)
		if err != nil {
			return failed("%s: %s: %w", file, m.Host, err).with("say in spec.vms how it is reached and what runs there")
		}
		r := &o.Request
		if f.lengthGiven {
			r.For = f.length
		}
		if f.everyGiven {
			r.Every = f.every
		}
		if f.healthPathsGiven {
			r.HealthPaths = f.healthPaths
		}
		r.Dirs = append(slices.Clone(r.Dirs), f.dirs...)
		f.drill(r)
		q.orders = append(q.orders, o)
	}
	return nil
}

// previewed is what a dry run says of one machine.
type previewed struct {
	Target  string        `json:"target"`
	Every   time.Duration `json:"everyNanos"`
	For     time.Duration `json:"forNanos"`
	Drills  []string      `json:"drills,omitempty"`
	Would   []string      `json:"would"`
	samples int
}

func (p *Program) probeDry(q probing) error {
	fleet := wire.Machines(q.settings)
	var out []previewed
	for _, o := range q.orders {
		v := previewed{Target: o.Request.Target.String(), Every: o.Request.Every, For: o.Request.For, Would: fleet.Preview(o), samples: 1}
		if v.Every > 0 {
			v.samples = max(1, int(v.For/v.Every))
		}
		for _, d := range o.Request.Drills {
			v.Drills = append(v.Drills, string(d)+": "+drillWords[string(d)])
		}
		out = append(out, v)
	}
	return p.emit(out, func(w io.Writer) {
		for _, v := range out {
			fmt.Fprintf(w, "%s, %d samples in %s\n", p.paint(styleHead, v.Target), v.samples, span(v.For))
			for _, line := range append(v.Would, v.Drills...) {
				fmt.Fprintf(w, "  would %s\n", line)
			}
		}
	})
}

// takeFacts takes the facts of all machines, with the load where there is one.
// Beside an error there is a report where at least one machine gave facts; the
// others are gaps in it.
func (p *Program) takeFacts(ctx context.Context, q probing) (inventory.Report, error) {
	names := make([]string, len(q.orders))
	for i, o := range q.orders {
		names[i] = o.Request.Target.String()
	}
	show := p.sampling(names)
	load := p.loading(ctx, q, show)
	results := wire.Machines(q.settings).Take(ctx, q.orders, func(i int, e inventory.Event) { show.event(i, e); load.event(i, e) })
	made, loadErr := load.end()
	show.end()
	report := inventory.Report{Format: inventory.Format}
	var faults []error
	for i, r := range results {
		facts := r.Facts
		if r.Err != nil {
			facts = inventory.Unreachable(q.orders[i].Request.Target, p.now(), wire.WhyNoFacts(r.Err))
			faults = append(faults, r.Err)
		} else if made != nil {
			l := *made
			l.Usage = facts.Usage
			facts.Load = &l
		}
		report.Machines = append(report.Machines, facts)
	}
	err := p.complainAll(faults, len(results))
	if len(faults) == len(results) {
		return inventory.Report{}, err
	}
	return report, errors.Join(err, loadErr)
}

// complainAll gives a single error as it is; of several, it says each.
func (p *Program) complainAll(faults []error, machines int) error {
	if len(faults) < 2 {
		return errors.Join(faults...)
	}
	for _, err := range faults {
		complain(p.Stderr, err.Error(), hintFor(err))
	}
	return failed("%d of %d machines gave no facts", len(faults), machines)
}
