package readiness

import (
	"fmt"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// logsToStdout is LOGS-STDOUT. What systemd takes from stdout or its journal
// socket, a container's runtime takes too; anything else ends with the pod. A
// program whose only sink is /dev/null has no log, and fails: after the move
// nobody could say why a pod ended.
func logsToStdout(_ look, m machine) opinion {
	var o opinion
	nowhere := true
	for _, s := range m.Logs {
		nowhere = nowhere && s.Kind == inventory.SinkNull
		switch s.Kind {
		case inventory.SinkStdout, inventory.SinkJournal:
			o.note(m, s.Seen, "writes to %s", s.Kind)
		case inventory.SinkNull:
			o.note(m, s.Seen, "writes to /dev/null")
		case inventory.SinkFile:
			o.blame(m, s.Seen, "writes the log %s%s", s.To, growth(s.Growth))
		case inventory.SinkPipe:
			o.blame(m, s.Seen, "pipes its log to %s%s", s.To, growth(s.Growth))
		case inventory.SinkSyslog:
			o.blame(m, s.Seen, "logs through /dev/log, which no pod has")
		default:
			o.blame(m, s.Seen, "logs to %s (%s)", s.To, s.Kind)
		}
	}
	for _, f := range m.Files {
		if f.Class == inventory.FileLog && f.Written && !m.sink(f.Path) {
			o.blame(m, f.Seen, "writes the log %s%s", f.Path, growth(f.Growth))
		}
	}
	for _, g := range m.Groups {
		if g.Class == inventory.FileLog && g.Written+g.Created > 0 {
			o.blame(m, 0, "writes %s in %s", plural(max(g.Written, g.Created), "log"), g.Directory)
		}
	}
	if len(o.blames) == 0 && nowhere && m.unseen(inventory.SubjectLogs, inventory.SubjectFiles) == "" {
		if why := m.short(); why != "" {
			return o.unknown("no log was seen, and %s", why)
		}
		o.blame(m, 0, "has no log at all")
	}
	return m.concludeOver(o, "the log goes to stdout, stderr or the journal", inventory.SubjectLogs, inventory.SubjectFiles)
}

// sink says whether a path is a log that is listed as one already.
func (m machine) sink(path string) bool {
	for _, s := range m.Logs {
		if s.To == path {
			return true
		}
	}
	return false
}

// growth is how fast a file grows, for people; empty where it does not.
func growth(perHour int64) string {
	if perHour <= 0 {
		return ""
	}
	return fmt.Sprintf(", which grows by %s an hour", size(perHour))
}

// size is an amount of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for ; v >= unit && i < 5; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTPE"[i])
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
