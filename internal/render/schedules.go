package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// schedules completes what the cluster runs by time from what the machines ran, and
// names what has no owner.
func (c *completion) schedules() {
	for i := range c.spec.Schedules {
		s := &c.spec.Schedules[i]
		if s.Owner != migration.OwnerCluster {
			continue
		}
		if s.Workload == "" && len(c.spec.Workloads) > 0 {
			s.Workload = c.spec.Workloads[0].Name
		}
		c.schedule(s)
	}
	if c.in.Report == nil {
		return
	}
	for _, m := range c.in.Report.Machines {
		for _, s := range m.Schedules {
			owned := slices.ContainsFunc(c.spec.Schedules, func(d migration.Schedule) bool { return d.Name == s.Name })
			if s.Related && !owned && s.Kind != "logrotate" {
				c.noteOf("", migration.CodeCronTwice, "%s runs %s (%s), and no owner is declared for it", hostOf(m), s.Name, s.When)
			}
		}
	}
}

// whole leaves out the schedules of which nobody knows what they run, and says so:
// what is written is then not all that the cluster was meant to run.
func (c *completion) whole() {
	c.spec.Schedules = slices.DeleteFunc(c.spec.Schedules, func(s migration.Schedule) bool {
		if s.Owner != migration.OwnerCluster {
			return false
		}
		if s.When == "" || len(s.Command) == 0 {
			c.notes = append(c.notes, Note{
				Code: migration.CodeCronTwice, Workload: s.Workload, Blocks: true,
				Text: fmt.Sprintf("no CronJob is written for %s: when it runs and which command is neither declared nor seen", s.Name),
			})
			return true
		}
		c.noteOf(s.Workload, migration.CodeCronTwice, "runs %s in the cluster: its CronJob is suspended until the machines no longer run it", s.Name)
		return false
	})
}

func (c *completion) schedule(s *migration.Schedule) {
	field := "schedules " + s.Name + " "
	seen, m, ok := c.seen(s.Name)
	if s.When != "" {
		c.chooseFor(s.Workload, field+"when", s.When, FromFile, either(ok, "on "+m+" it is "+seen.When, ""))
	} else if ok {
		if when, zone, err := CronOf(seen); err == nil {
			s.When = when
			if s.TimeZone == "" {
				s.TimeZone = cmp.Or(zone, c.zoneOf(m))
			}
			c.chooseFor(s.Workload, field+"when", s.When, FromFacts, "on "+m+" it is "+seen.When)
		} else {
			c.noteOf(s.Workload, migration.CodeCronTwice, "%s: %s: declare when", s.Name, err)
		}
	}
	switch {
	case len(s.Command) > 0:
		c.chooseFor(s.Workload, field+"command", strings.Join(s.Command, " "), FromFile, "")
	case ok && seen.Command != "" && !strings.Contains(seen.Command, "[") && !strings.Contains(seen.Command, "…"):
		s.Command = words(seen.Command)
		c.chooseFor(s.Workload, field+"command", strings.Join(s.Command, " "), FromFacts, "as "+m+" runs it; the program must be in the image")
	case ok && seen.Command != "":
		c.noteOf(s.Workload, migration.CodeCronTwice, "%s: its command cannot be taken from the facts, which leave secrets out and cut what is long: declare command", s.Name)
	}
}

// seen is a schedule as a machine has it.
func (c *completion) seen(name string) (inventory.Schedule, string, bool) {
	if c.in.Report == nil {
		return inventory.Schedule{}, "", false
	}
	for _, m := range c.in.Report.Machines {
		for _, s := range m.Schedules {
			if s.Name == name {
				return s, hostOf(m), true
			}
		}
	}
	return inventory.Schedule{}, "", false
}

// zoneOf is the time zone of a machine, in which its crontabs are meant.
func (c *completion) zoneOf(machine string) string {
	for _, m := range c.in.Report.Machines {
		if hostOf(m) == machine && strings.Contains(m.Host.TimeZone, "/") {
			return m.Host.TimeZone
		}
	}
	return ""
}

// words are a command as a container runs it: by a shell where only one understands it.
func words(command string) []string {
	if strings.ContainsAny(command, "\"'\\$`|&;<>(){}*?~#!=") {
		return []string{"/bin/sh", "-c", command}
	}
	return strings.Fields(command)
}
