// Package accesslog reads lines of access logs: the common and combined formats of
// Apache, nginx and Tomcat, with the time taken behind them, haproxy's HTTP
// format, and one JSON object a line.
//
// It sees one line at a time and keeps nothing of it but what is counted: no
// path, no query, no header. It does not know where a line came from.
package accesslog

import "time"

// Entry is one request as a log has it.
type Entry struct {
	At time.Time
	// Status is 0 where the client was gone before there was one.
	Status int
	// Timed says that the log has the time taken, Latency.
	Timed   bool
	Latency time.Duration
	Bytes   int64
	// Client is the address of whoever asked, as it stands; Backend is haproxy's
	// "backend/server" or a JSON log's upstream. Both may share memory with the line.
	Client  string
	Backend string
}

// Failed says that the request failed on the server's side.
func (e Entry) Failed() bool { return e.Status >= 500 }

// Format is how a log is written.
type Format string

// The formats. Tomcat's are common and combined, with other units at the end.
const (
	Common   Format = "common"
	Combined Format = "combined"
	Tomcat   Format = "tomcat"
	HAProxy  Format = "haproxy"
	JSON     Format = "json"
)

// Parser reads lines of one format.
type Parser struct {
	Format Format
	// Unit is that of a whole number at the end of a line: Apache's %D counts
	// microseconds, its %T seconds, Tomcat's %D milliseconds before version 10. With
	// 0 such a number is no time. One with a decimal point is always in seconds.
	Unit time.Duration
	// Zone is that of times without one (haproxy's are the machine's local ones);
	// nil is UTC.
	Zone *time.Location
}

// Parse reads a line; false is that it is none of the format.
func (p Parser) Parse(line string) (Entry, bool) {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	if len(line) > maxLine {
		return Entry{}, false
	}
	switch p.Format {
	case JSON:
		return p.object(line)
	case HAProxy:
		return p.haproxy(line)
	default:
		return p.bracketed(line)
	}
}

// maxLine is longer than any server lets a request line and its headers be.
const maxLine = 1 << 16

// Detect says which format most of the lines have, or false where fewer than half
// have any. Hint is what is known of who wrote them: "tomcat", "apache", "nginx"
// or nothing; it decides the unit of whole numbers, which no line tells.
func Detect(lines []string, hint string, zone *time.Location) (Parser, bool) {
	var best Parser
	most, combined := 0, 0
	for _, f := range []Format{JSON, HAProxy, Common} {
		p := Parser{Format: f, Zone: zone}
		n := 0
		for _, l := range lines {
			if _, ok := p.Parse(l); ok {
				n++
			}
		}
		if n > most {
			best, most = p, n
		}
	}
	if most == 0 || 2*most < len(lines) {
		return Parser{}, false
	}
	if best.Format != Common {
		return best, true
	}
	for _, l := range lines {
		if hasAgent(l) {
			combined++
		}
	}
	if 2*combined > most {
		best.Format = Combined
	}
	switch hint {
	case "tomcat":
		best.Format, best.Unit = Tomcat, time.Millisecond
	case "apache":
		best.Unit = time.Microsecond
	}
	return best, true
}
