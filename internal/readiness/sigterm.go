package readiness

import (
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

const sigterm = "SIGTERM"

// drains is SIGTERM. The main process decides: Kubernetes signals it alone, as
// PID 1, for which the kernel drops a signal without a handler (pid_namespaces(7)).
// A mask shows that a signal is caught and not what is done then, so that only a
// drill with requests in flight passes. It outweighs the mask, because what was
// seen to happen happened.
func drains(_ look, m machine) opinion {
	o := opinion{remedy: "see it in a second instance: " + m.probe() + " --drill sigterm"}
	o.noteOrigin(m, "drill sigterm")
	for _, p := range m.Processes {
		if p.Signals.Known {
			o.note(m, p.Seen, "%s (%d) %s SIGTERM", p.Name, p.PID, disposition(p.Signals))
		}
	}
	d, drilled := m.drilled(inventory.DrillSIGTERM)
	if drilled {
		o.note(m.then("drill sigterm"), 0, "drill sigterm at %s: %d of %d requests in flight answered, ended in %s", d.At.UTC().Format(time.RFC3339), d.Answered, d.InFlight, d.EndedIn.Round(time.Millisecond))
	}
	// The drill proves something only with requests in flight.
	switch {
	case drilled && (!d.Passed || d.Answered < d.InFlight):
		o.remedy = "let the handler stop accepting, answer what is in flight, and end"
		return o.fails("in the drill %d of %d requests in flight were answered: %s", d.Answered, d.InFlight, d.Detail)
	case drilled && d.InFlight > 0 && m.stopsBy() != sigterm:
		o.remedy = "declare STOPSIGNAL " + m.stopsBy() + " in the Dockerfile"
		return o.unknown("it drains at %s, which the unit sends; Kubernetes sends SIGTERM unless the image says otherwise", m.stopsBy())
	}
	main, known := m.main()
	why := m.unseen(inventory.SubjectProcesses)
	switch {
	case drilled && d.InFlight > 0 && why != "":
		return m.blind(o, why)
	case drilled && d.InFlight > 0:
		return o.passes("in the drill all %d requests in flight were answered, and it ended in %s", d.InFlight, d.EndedIn.Round(time.Millisecond))
	}
	return m.byMask(o, main, known, why)
}

// byMask judges by the main process's signal masks.
func (m machine) byMask(o opinion, main inventory.Process, known bool, why string) opinion {
	switch {
	case known && main.Signals.Known && slices.Contains(main.Signals.Ignored, sigterm):
		o.remedy = "handle SIGTERM: stop accepting, answer what is in flight, and end"
		return o.fails("%s ignores SIGTERM: it would be killed at the end of the grace period, with what is in flight", main.Name)
	case known && main.Signals.Known && disposition(main.Signals) == defaults:
		o.remedy = "handle SIGTERM: stop accepting, answer what is in flight, and end"
		return o.fails("%s does not catch SIGTERM: here it dies at once, and as PID 1 of a container it would not even hear it", main.Name)
	case why != "":
		return m.blind(o, why)
	case !known:
		return o.unknown("nobody can tell which of %s is the main one", plural(len(m.Processes), "process"))
	case !main.Signals.Known:
		return o.unknown("the signal masks of %s could not be read", main.Name)
	}
	return o.unknown("%s %s SIGTERM; %s", main.Name, disposition(main.Signals), m.without("whether it answers what is in flight was not drilled", "drill sigterm"))
}

// stopsBy is the signal that stops the application on the machine.
func (m machine) stopsBy() string {
	if m.Unit == nil || m.Unit.KillSignal == "" || m.Unit.KillSignal == "15" {
		return sigterm
	}
	if k := m.Unit.KillSignal; strings.HasPrefix(k, "SIG") {
		return k
	}
	switch m.Unit.KillSignal {
	case "1":
		return "SIGHUP"
	case "2":
		return "SIGINT"
	case "3":
		return "SIGQUIT"
	case "28":
		return "SIGWINCH"
	}
	return "signal " + m.Unit.KillSignal
}

const defaults = "does not catch"

// disposition is what a process does with SIGTERM. Blocked counts as heard: it
// is what signalfd and sigwait need.
func disposition(s inventory.Signals) string {
	switch {
	case slices.Contains(s.Ignored, sigterm):
		return "ignores"
	case slices.Contains(s.Caught, sigterm):
		return "catches"
	case slices.Contains(s.Blocked, sigterm):
		return "blocks"
	}
	return defaults
}
