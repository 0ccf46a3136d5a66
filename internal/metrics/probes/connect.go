// Package probes counts the product's own requests to both sides of a migration, for
// applications that nobody counts, or nobody can be asked about.
//
// Each side is asked by address with the production name, at the same steady rate, so
// that both are measured from the same point. Who is asked, and by what, is given to
// the package; it must not know what the counters are judged to mean.
package probes

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/metrics"
	"rehome.dev/rehome/internal/migration"
)

// Ask makes one request to one address, with host as the production name, over a
// connection of its own. It gives the status of the complete answer and how long it
// took; an error is what kept the answer from being whole.
type Ask func(ctx context.Context, host, address string, port int, path string) (status int, took time.Duration, err error)

// Targets is whom to ask on one side.
type Targets struct {
	Host      string // the production name
	Addresses []string
	Port      int
	Path      string
}

// Aim gives the targets of a side. No address is a side that does not exist yet; an
// error means that nobody knows, and the ones that were known are asked on.
type Aim func(ctx context.Context, side migration.Side) (Targets, error)

// Source asks while somebody reads what it counts, and for a while longer. It is safe
// for concurrent use.
type Source struct {
	// Ask and Aim are set before the first use.
	Ask Ask
	Aim Aim

	rate    float64
	timeout time.Duration
	path    string
	secure  bool
	caFile  string
	fine    []string // statuses and classes that are no errors
	edges   []float64
	now     func() time.Time

	mu      sync.Mutex
	begun   time.Time // of counting
	read    time.Time // when somebody last looked
	stop    context.CancelFunc
	closed  bool
	targets map[migration.Side]Targets
	unknown map[migration.Side]error
	ended   map[migration.Side]time.Time // the newest probe
	looked  map[migration.Side]time.Time // the newest look that is in the history
	tallies map[migration.Side]map[string]*tally
	sides   map[migration.Side]*metrics.History
}

// The settings of a connection.
const (
	settingRate    = "rate"    // probes per second and side; default 5
	settingPath    = "path"    // asked for, where it is not the old entry's probePath
	settingScheme  = "scheme"  // http or https
	settingCA      = "caFile"  // trusted instead of the system's authorities
	settingFine    = "fine"    // statuses that are no errors; default 2xx
	settingTimeout = "timeout" // of one probe; default 2s
)

var known = []string{settingRate, settingPath, settingScheme, settingCA, settingFine, settingTimeout}

const (
	defaultRate    = 5
	mostRate       = 100
	defaultTimeout = 2 * time.Second
	// idle is how long it asks on when nobody reads what it counts.
	idle = time.Minute
	// aimEvery is how often it is looked whom to ask.
	aimEvery = 10 * time.Second
	kept     = 2 * time.Hour
)

// fineEdges rise by a tenth from a millisecond to 33 seconds, so that a p99 a fifth
// above another always has an edge between them.
var fineEdges = edgesUpTo(33)

func edgesUpTo(most float64) (out []float64) {
	for le := 0.001; le < most; le *= 1.1 {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(le, 'g', 3, 64), 64)
		out = append(out, rounded)
	}
	return append(out, math.Inf(1))
}

// New prepares a source from its settings. It asks nobody anything.
func New(conn migration.Connection) (*Source, error) {
	s := &Source{
		rate: defaultRate, timeout: defaultTimeout, fine: []string{"2xx"}, edges: fineEdges, now: time.Now,
		targets: map[migration.Side]Targets{}, unknown: map[migration.Side]error{}, ended: map[migration.Side]time.Time{}, looked: map[migration.Side]time.Time{},
		tallies: map[migration.Side]map[string]*tally{}, sides: map[migration.Side]*metrics.History{},
	}
	for _, key := range slices.Sorted(maps.Keys(conn.Settings)) {
		if err := s.set(key, conn.Settings[key]); err != nil {
			return nil, fmt.Errorf("metrics source %q: %w", conn.Name, err)
		}
	}
	for _, side := range sides {
		s.tallies[side], s.sides[side] = map[string]*tally{}, &metrics.History{Kept: kept}
	}
	return s, nil
}

var sides = []migration.Side{migration.OldSide, migration.NewSide}

func (s *Source) set(key, value string) (err error) {
	switch key {
	case settingRate:
		if s.rate, err = strconv.ParseFloat(value, 64); err != nil || !(s.rate > 0) || s.rate > mostRate {
			return fmt.Errorf("setting rate %q: want probes per second, above 0 and up to %d", value, mostRate)
		}
	case settingPath:
		if s.path = value; !strings.HasPrefix(value, "/") {
			return fmt.Errorf("setting path %q: begin it with /", value)
		}
	case settingScheme:
		if s.secure = value == "https"; !s.secure && value != "http" {
			return fmt.Errorf("setting scheme %q: want http or https", value)
		}
	case settingCA:
		s.caFile = value
	case settingFine:
		s.fine = nil
		for word := range strings.SplitSeq(value, ",") {
			word = strings.TrimSpace(word)
			if len(word) != 3 || word[0] < '1' || word[0] > '5' || word[1:] != "xx" && strings.Trim(word[1:], "0123456789") != "" {
				return fmt.Errorf("setting fine %q: want statuses such as 204, or classes such as 2xx, with commas between them", value)
			}
			s.fine = append(s.fine, word)
		}
	case settingTimeout:
		if s.timeout, err = time.ParseDuration(value); err != nil || s.timeout <= 0 {
			return fmt.Errorf("setting timeout %q: want a duration above zero, such as %s", value, defaultTimeout)
		}
	default:
		return fmt.Errorf("unknown setting %q; known are %s", key, strings.Join(known, ", "))
	}
	return nil
}

// Secure says whether probes go over TLS, and by which authorities' file a certificate
// must be signed, "" for the system's.
func (s *Source) Secure() (tls bool, caFile string) { return s.secure, s.caFile }

// Timeout bounds one probe.
func (s *Source) Timeout() time.Duration { return s.timeout }
