package readiness

import (
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// What a fact needs before its absence counts: something that is done now and
// then is missed by one glance. Programs that buffer flush about once a second,
// and three such seconds in ten looks, half of the planned ones at least, are the
// least at which "not seen" says more than "not looked". One sample is enough to
// fail: what was seen was seen.
const (
	enoughSamples = 10
	enoughTime    = 3 * time.Second
)

// listed bounds the evidence of one finding on one machine.
const listed = 20

// opinion is what a guard makes of one machine, or of all.
type opinion struct {
	verdict  migration.Verdict
	observed string
	evidence []Evidence
	command  string
	remedy   string
	at       time.Time
	// later: it is unknown because it can only be known in staging; that blocks
	// there, and not here.
	later bool

	blames []string // what was seen that must not be
	unsure []string // what was seen and may or may not be
	notes  int
}

// blame notes something that must not be. seen counts samples, 0 where the fact
// does not come from samples.
func (o *opinion) blame(m machine, seen int, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	o.blames = append(o.blames, what)
	if len(o.blames) <= listed {
		o.evidence = append(o.evidence, m.evidence(seen, what))
	}
}

// doubt notes something that nobody can tell the meaning of.
func (o *opinion) doubt(m machine, seen int, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	o.unsure = append(o.unsure, what)
	if len(o.unsure) <= listed {
		o.evidence = append(o.evidence, m.evidence(seen, what))
	}
}

// note notes what speaks for the application, or only belongs to the picture.
func (o *opinion) note(m machine, seen int, format string, args ...any) {
	if o.notes++; o.notes <= listed {
		o.evidence = append(o.evidence, m.evidence(seen, fmt.Sprintf(format, args...)))
	}
}

func (m machine) evidence(seen int, what string) Evidence {
	e := Evidence{Machine: m.name, What: what, At: m.Ended}
	if seen > 0 {
		e.Seen = inventory.Coverage{Samples: seen, Planned: max(seen, m.Coverage.Samples)}.String()
	}
	return e
}

// fails, unknown and passes end an opinion.
func (o opinion) fails(format string, args ...any) opinion {
	o.verdict, o.observed = migration.Fail, fmt.Sprintf(format, args...)
	return o
}

func (o opinion) unknown(format string, args ...any) opinion {
	o.verdict, o.observed = migration.Unknown, fmt.Sprintf(format, args...)
	return o
}

func (o opinion) passes(format string, args ...any) opinion {
	o.verdict, o.observed = migration.Pass, fmt.Sprintf(format, args...)
	return o
}

// of gives an opinion the time of its machine, and says what was left out.
func (o opinion) of(m machine) opinion {
	if o.at.IsZero() {
		o.at = m.Ended
	}
	if more := max(0, len(o.blames)-listed) + max(0, len(o.unsure)-listed) + max(0, o.notes-listed); more > 0 {
		o.evidence = append(o.evidence, m.evidence(0, fmt.Sprintf("and %d more of the kind", more)))
	}
	return o
}

// conclude is the usual end: what is blamed fails, what is doubted or was not
// seen whole is unknown, and only then it passes.
func (m machine) conclude(o opinion, passed string, subjects ...inventory.Subject) opinion {
	switch why := m.unseen(subjects...); {
	case len(o.blames) > 0:
		return o.fails("%s", some(o.blames))
	case why != "":
		return m.blind(o, why)
	case len(o.unsure) > 0:
		return o.unknown("%s", some(o.unsure))
	}
	return o.passes("%s", passed)
}

// concludeOver is conclude for what is done now and then: its absence counts only
// in enough samples.
func (m machine) concludeOver(o opinion, passed string, subjects ...inventory.Subject) opinion {
	o = m.conclude(o, passed, subjects...)
	if why := m.short(); o.verdict == migration.Pass && why != "" {
		o.remedy = "look for longer: " + m.probe() + " --for 1m"
		return o.unknown("nothing was seen, and %s", why)
	}
	if o.verdict == migration.Pass {
		o.observed += fmt.Sprintf(", in %s", m.Coverage)
	}
	return o
}

// blind is the opinion about what could not be seen.
func (m machine) blind(o opinion, why string) opinion {
	o.remedy = "take facts that show it: " + m.probe()
	if !m.Taken.Root && m.Taken.User != "" {
		o.remedy += " as root, or with --sudo"
	}
	return o.unknown("could not be seen: %s", why)
}

// unseen says why one of the subjects was not seen whole; empty where all were.
func (m machine) unseen(subjects ...inventory.Subject) string {
	for _, g := range m.Gaps {
		if g.Subject == inventory.SubjectMachine {
			return g.String()
		}
	}
	_, why := m.Saw(subjects...)
	return why
}

// short says why the samples are too few for an absence to count.
func (m machine) short() string {
	c, span := m.Coverage, m.Ended.Sub(m.Began)
	switch {
	case c.Samples < enoughSamples:
		return fmt.Sprintf("%s are too few to say that there is nothing: %d are needed", c, enoughSamples)
	case span < enoughTime:
		return fmt.Sprintf("%s are too short to say that there is nothing: %s are needed", span, enoughTime)
	case 2*c.Samples < c.Planned:
		return fmt.Sprintf("only %s were taken", c)
	}
	return ""
}

// some joins the first few of a list.
func some(list []string) string {
	const few = 3
	if len(list) <= few {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:few], "; "), len(list)-few)
}
