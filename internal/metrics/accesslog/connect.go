// Package accesslog reads the counters of both sides of a migration from access
// logs, for applications that have no metrics: each log file, from its first line to
// its rotation, is one series that only grows.
//
// It keeps counts alone. It must not know what they are judged to mean, nor how a
// file of another machine is reached: Open is given to it.
package accesslog

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Open reads a file of a host from a byte on; host "" is this machine. It need not
// give more than most bytes, unless that is 0. What does not exist is
// fs.ErrNotExist; an offset behind the end gives nothing. Closing the reader ends
// the reading.
type Open func(ctx context.Context, host, file string, offset, most int64) (io.ReadCloser, error)

// Source is a set of access logs. It is safe for concurrent use.
type Source struct {
	// Open reaches files; it is set before the first use. New sets one for this
	// machine alone.
	Open Open

	host, file string
	ssh        migration.SSH
	server     string
	zone       *time.Location
	unit       time.Duration
	edges      []float64
	timeout    time.Duration

	mu   sync.Mutex
	logs map[string]*log // by place and selectors
}

// The settings of a connection.
const (
	settingFile    = "file" // the log, where a selector names none
	settingHost    = "host" // ssh://user@vm[:port]; omitted, this machine
	settingUser    = "user" // of the login, where host and selectors name none
	settingKey     = "identityFile"
	settingHosts   = "knownHostsFile"
	settingServer  = "server"   // nginx, apache, tomcat, haproxy: decides what whole numbers count
	settingZone    = "timeZone" // of times without one (haproxy's); default UTC
	settingUnit    = "timeUnit" // of whole numbers behind a line: s, ms, us
	settingBuckets = "buckets"  // edges of the histogram in seconds, rising: 0.1,0.5,1
	settingTimeout = "timeout"  // of one Sample; default 10s. A Baseline has thirty times that
)

var known = []string{settingFile, settingHost, settingUser, settingKey, settingHosts, settingServer, settingZone, settingUnit, settingBuckets, settingTimeout}

const defaultTimeout = 10 * time.Second

// usualEdges are finer than the client libraries': a line tells the time exactly.
var usualEdges = []float64{.001, .0025, .005, .01, .02, .03, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60}

// New prepares a source from its settings. It opens no file.
func New(conn migration.Connection) (*Source, error) {
	s := &Source{Open: openHere, timeout: defaultTimeout, zone: time.UTC, edges: usualEdges, logs: map[string]*log{}}
	if err := s.set(conn.Settings); err != nil {
		return nil, fmt.Errorf("metrics source %q: %w", conn.Name, err)
	}
	s.edges = append(slices.Clone(s.edges), math.Inf(1))
	return s, nil
}

func (s *Source) set(settings map[string]string) (err error) {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		value := settings[key]
		switch key {
		case settingFile:
			s.file = value
			if _, problem := placeOf(value, ""); problem != nil {
				err = fmt.Errorf("setting file %q: %w", value, problem)
			}
		case settingHost:
			s.host = value
			if !strings.HasPrefix(value, "ssh://") {
				err = fmt.Errorf("setting host %q: want ssh://user@machine", value)
			}
		case settingUser:
			s.ssh.User = value
		case settingKey:
			s.ssh.IdentityFile = value
		case settingHosts:
			s.ssh.KnownHostsFile = value
		case settingServer:
			s.server = value
			if !slices.Contains([]string{"nginx", "apache", "tomcat", "haproxy"}, value) {
				err = fmt.Errorf("setting server %q: want nginx, apache, tomcat or haproxy", value)
			}
		case settingZone:
			if s.zone, err = time.LoadLocation(value); err != nil {
				err = fmt.Errorf("setting timeZone %q: want a name such as Europe/Berlin", value)
			}
		case settingUnit:
			s.unit = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond}[value]
			if s.unit == 0 {
				err = fmt.Errorf("setting timeUnit %q: want s, ms or us", value)
			}
		case settingBuckets:
			s.edges, err = edgesOf(value)
		case settingTimeout:
			if s.timeout, err = time.ParseDuration(value); err != nil || s.timeout <= 0 {
				err = fmt.Errorf("setting timeout %q: want a duration above zero, such as %s", value, defaultTimeout)
			}
		default:
			err = fmt.Errorf("unknown setting %q; known are %s", key, strings.Join(known, ", "))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SSH is what the connection itself says about how machines are reached.
func (s *Source) SSH() migration.SSH { return s.ssh }

func edgesOf(text string) ([]float64, error) {
	var out []float64
	for word := range strings.SplitSeq(text, ",") {
		le, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(le > 0) || math.IsInf(le, 0) || len(out) > 0 && le <= out[len(out)-1] {
			return nil, fmt.Errorf("setting buckets %q: want rising numbers of seconds, such as 0.1,0.5,1", text)
		}
		out = append(out, le)
	}
	return out, nil
}

func openHere(_ context.Context, host, file string, offset, _ int64) (io.ReadCloser, error) {
	if host != "" {
		return nil, fmt.Errorf("%s cannot be reached from here", host)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
