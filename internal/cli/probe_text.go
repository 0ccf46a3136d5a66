package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// few is how many things of a kind the text names; JSON has all of them.
const few = 6

// reportText are the facts for people, machine by machine.
func (p *Program) reportText(w io.Writer, r inventory.Report) {
	for i, f := range r.Machines {
		if i > 0 {
			fmt.Fprintln(w)
		}
		p.factsText(w, f)
	}
}

// page writes lines under headings; a heading without lines is not written.
type page struct {
	w    io.Writer
	head string
}

func (g *page) section(head string) { g.head = head }

func (g *page) line(format string, args ...any) {
	fmt.Fprintf(g.w, "  %-11s %s\n", g.head, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	g.head = ""
}

// list writes the first few of many.
func list[T any](g *page, head string, all []T, text func(T) string) {
	g.section(head)
	for i, v := range all {
		if i == few && len(all) > few+1 {
			g.line("… and %d more", len(all)-few)
			return
		}
		g.line("%s", text(v))
	}
}

func (p *Program) factsText(w io.Writer, f inventory.Facts) {
	fmt.Fprintf(w, "%s", p.paint(styleHead, f.Target.String()))
	if f.Host.OS != "" {
		fmt.Fprintf(w, ": %s, Linux %s, %s, %d CPUs, %s", f.Host.OS, f.Host.Kernel, f.Host.Arch, f.Host.CPUs, size(f.Host.Memory))
	}
	fmt.Fprintln(w)
	g := &page{w: w}
	if f.Coverage.Planned > 0 {
		g.section("seen")
		as := f.Taken.User
		if f.Taken.User != "" && !f.Taken.Root {
			as += ", who is not root and does not see everything"
		}
		g.line("%s, %s to %s, as %s", f.Coverage, p.stamp(f.Began), p.stamp(f.Ended), as)
	}
	p.gapsText(g, f.Gaps)
	runsText(g, f)
	networkText(g, f)
	filesText(g, f)
	logsText(g, f)
	list(g, "schedules", related(f.Schedules), scheduleText)
	secretsText(g, f)
	p.healthText(g, f)
	usageText(g, f)
	p.drillsText(g, f.Drills)
}

// gapsText comes first: what was not seen is unknown.
func (p *Program) gapsText(g *page, gaps []inventory.Gap) {
	bySubject := map[inventory.Subject][]inventory.Gap{}
	var order []inventory.Subject
	for _, gap := range gaps {
		if bySubject[gap.Subject] == nil {
			order = append(order, gap.Subject)
		}
		bySubject[gap.Subject] = append(bySubject[gap.Subject], gap)
	}
	g.section("unknown")
	for _, s := range order {
		all := bySubject[s]
		text := all[0].String()
		if len(all) > 1 {
			text += fmt.Sprintf("; and %d more", len(all)-1)
		}
		g.line("%s", p.paint(styleWarn, fmt.Sprintf("%s: %s", s, text)))
	}
}

func runsText(g *page, f inventory.Facts) {
	g.section("runs")
	if u := f.Unit; u != nil {
		g.line("%s, %s, %s, %d drop-ins", u.Name, cmp.Or(u.State, "state unknown"), "as "+cmp.Or(u.User, "root"), len(u.DropIns))
	}
	names := map[string]int{}
	var order []string
	ended := 0
	for _, proc := range f.Processes {
		name := proc.Name + " as " + cmp.Or(proc.User, fmt.Sprint(proc.UID))
		if names[name] == 0 {
			order = append(order, name)
		}
		names[name]++
		if proc.Ended {
			ended++
		}
	}
	var said []string
	for _, n := range order {
		said = append(said, fmt.Sprintf("%d %s", names[n], n))
	}
	if len(said) > 0 {
		text := strings.Join(said[:min(few, len(said))], ", ")
		if ended > 0 {
			text += fmt.Sprintf("; %d of them ended meanwhile", ended)
		}
		g.line("%s", text)
	}
	list(g, "programs", f.Programs, func(prog inventory.Program) string {
		parts := []string{prog.Path, "package " + prog.Package, prog.Language, prog.Runtime, prog.Framework}
		if prog.Package == "" {
			parts[1] = "of no package"
		}
		return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
	})
}

func networkText(g *page, f inventory.Facts) {
	list(g, "listens", f.Listeners, func(l inventory.Listener) string {
		text := fmt.Sprintf("%s %s port %d", l.Protocol, l.Address, l.Port)
		if l.Loopback {
			text += ", for this machine alone"
		}
		return text
	})
	var dialled []inventory.Peer
	clients := 0
	for _, peer := range f.Peers {
		if peer.Direction == inventory.Dialled {
			dialled = append(dialled, peer)
		} else {
			clients++
		}
	}
	list(g, "dials", dialled, func(peer inventory.Peer) string {
		name := peer.Address
		if peer.Name != "" {
			name = fmt.Sprintf("%s (%s, by %s)", peer.Name, peer.Address, peer.NameFrom)
		}
		text := fmt.Sprintf("%s %s port %d", peer.Protocol, name, peer.Port)
		if peer.Process != "" {
			text += ", " + peer.Process
		}
		return text + seen(peer.Seen, f)
	})
	if clients > 0 {
		g.section("clients")
		g.line("%d addresses", clients)
	}
	list(g, "stores", f.Stores, func(s inventory.Store) string {
		where := "elsewhere"
		if s.Local {
			where = "on this machine"
		}
		return fmt.Sprintf("%s (%s) at %s, %s: %s", s.Kind, s.Role, s.Where, where, s.Why)
	})
	list(g, "sockets", f.Sockets, func(s inventory.UnixSocket) string {
		return strings.TrimSuffix(s.Path+", with "+s.Peer, ", with ")
	})
	list(g, "shares", f.Shared, func(s inventory.SharedMemory) string {
		return fmt.Sprintf("%s memory %s, %s", s.Kind, s.Name, size(s.Bytes))
	})
	own := func(x inventory.Proxy) bool { return x.Own }
	list(g, "behind", slices.DeleteFunc(slices.Clone(f.Proxies), own), func(x inventory.Proxy) string {
		return strings.TrimSuffix(fmt.Sprintf("%s at %s, %s", x.Kind, x.Listens, x.Sticky), ", ")
	})
	var backends []string
	for _, x := range f.Proxies {
		if x.Own {
			backends = append(backends, x.Backends...)
		}
	}
	list(g, "passes to", backends, func(b string) string { return b })
}

// filesText are the files by class, those that are written first.
func filesText(g *page, f inventory.Facts) {
	classes := []inventory.FileClass{inventory.FileConfig, inventory.FileData, inventory.FileSession, inventory.FileLog, inventory.FileTemp, inventory.FileOther}
	for _, class := range classes {
		var of []inventory.File
		for _, file := range f.Files {
			if file.Class == class {
				of = append(of, file)
			}
		}
		slices.SortStableFunc(of, func(a, b inventory.File) int { return boolFirst(a.Written, b.Written) })
		list(g, string(class), of, func(file inventory.File) string {
			text := file.Path
			if file.Written {
				text += ", written" + growth(file.Growth)
			}
			if file.Deleted {
				text += ", deleted and still open"
			}
			return text + seen(file.Seen, f)
		})
	}
	list(g, "groups", f.Groups, func(x inventory.FileGroup) string {
		return fmt.Sprintf("%s: %d files (%s), %d written, %s", x.Directory, x.Count, x.Class, x.Written, size(x.Bytes))
	})
	list(g, "mounts", f.Mounts, func(m inventory.Mount) string { return fmt.Sprintf("%s: %s of %s", m.Point, m.FSType, m.Source) })
	list(g, "trees", f.Trees, func(t inventory.Tree) string {
		if t.Missing {
			return t.Path + " is not there"
		}
		return fmt.Sprintf("%s: %d entries", t.Path, len(t.Entries)+t.Truncated)
	})
}

func boolFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func logsText(g *page, f inventory.Facts) {
	list(g, "logs to", f.Logs, func(l inventory.LogSink) string {
		text := string(l.Kind)
		if l.To != "" {
			text += " " + l.To
		}
		if l.Access != "" {
			text += ", an access log (" + l.Access + ")"
		}
		return text + growth(l.Growth)
	})
	list(g, "traffic", f.Traffic, func(t inventory.Traffic) string {
		return fmt.Sprintf("%s: %d requests, %d errors, from %d addresses", t.Log, t.Requests, t.Errors, t.Peers)
	})
}

func related(all []inventory.Schedule) []inventory.Schedule {
	return slices.DeleteFunc(slices.Clone(all), func(s inventory.Schedule) bool { return !s.Related })
}

func scheduleText(s inventory.Schedule) string {
	return fmt.Sprintf("%s %s, %s: %s", s.Kind, s.Name, s.When, s.Why)
}

func secretsText(g *page, f inventory.Facts) {
	list(g, "secrets in", f.Secrets, func(s inventory.SecretPlace) string {
		switch {
		case s.File != "" && s.Line > 0:
			return fmt.Sprintf("%s:%d, %s (%s)", s.File, s.Line, s.Key, s.Rule)
		case s.File != "":
			return fmt.Sprintf("%s, %s (%s)", s.File, s.Key, s.Rule)
		}
		return fmt.Sprintf("%s %s (%s)", s.In, strings.TrimPrefix(s.Key, s.In+" "), s.Rule)
	})
	list(g, "addresses", f.Addresses, func(l inventory.Literal) string {
		return fmt.Sprintf("%s stands in %s:%d", l.Address, l.File, l.Line)
	})
	if n := len(f.Environment); n > 0 {
		g.section("variables")
		var names []string
		for _, v := range f.Environment {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		text := strings.Join(names[:min(2*few, len(names))], " ")
		if len(names) > 2*few {
			text += fmt.Sprintf(" and %d more", len(names)-2*few)
		}
		g.line("%s", text)
	}
}

func (p *Program) healthText(g *page, f inventory.Facts) {
	list(g, "health", f.Health, func(h inventory.HealthAnswer) string {
		answer := p.paint(styleBad, h.Err)
		switch {
		case h.Status >= 200 && h.Status < 300:
			answer = p.paint(styleGood, fmt.Sprint(h.Status))
		case h.Status > 0:
			answer = p.paint(styleBad, fmt.Sprint(h.Status))
		}
		return h.URL + " " + answer
	})
}

func usageText(g *page, f inventory.Facts) {
	if u := f.Usage; u.CPUMilli.N > 0 {
		g.section("usage")
		g.line("CPU %s median, %s p99, %s at most", cores(u.CPUMilli.P50), cores(u.CPUMilli.P99), cores(u.CPUMilli.Max))
		g.line("memory %s median, %s at most (%s)", size(u.MemoryBytes.P50), size(u.MemoryBytes.Max), cmp.Or(u.MemoryFrom, "rss"))
		g.line("%d processes, %d threads, %d open files at most", u.Processes.Max, u.Threads.Max, u.OpenFiles.Max)
	}
	if l := f.Load; l != nil {
		g.section("under load")
		g.line("%s: %.1f of %.1f requests per second, %d errors, p99 %s", l.URL, l.Achieved, l.Rate, l.Errors, time.Duration(l.Latency.P99)*time.Microsecond)
		if !l.Valid {
			g.line("it says nothing: %s", l.Why)
		}
	}
}

func (p *Program) drillsText(g *page, drills []inventory.Drill) {
	list(g, "drills", drills, func(d inventory.Drill) string {
		switch {
		case d.Err != "":
			return fmt.Sprintf("%s %s: %s", d.Name, p.paint(styleWarn, "proves nothing"), d.Err)
		case d.Passed:
			return fmt.Sprintf("%s %s: %s", d.Name, p.paint(styleGood, "passed"), d.Detail)
		}
		return fmt.Sprintf("%s %s: %s", d.Name, p.paint(styleBad, "failed"), d.Detail)
	})
}

// seen says in how many samples, where that is not all of them.
func seen(n int, f inventory.Facts) string {
	if n == 0 || n == f.Coverage.Samples {
		return ""
	}
	return fmt.Sprintf(", in %d of %d samples", n, f.Coverage.Samples)
}

func growth(bytesPerHour int64) string {
	if bytesPerHour <= 0 {
		return ""
	}
	return ", grows by " + size(bytesPerHour) + " an hour"
}

// cores are thousandths of a core for people.
func cores(milli int64) string { return fmt.Sprintf("%.2f cores", float64(milli)/1000) }

// size is a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, word := float64(n), ""
	for _, word = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value /= unit; value < unit {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, word)
}
