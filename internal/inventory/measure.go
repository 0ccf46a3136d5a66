package inventory

import "time"

// Quantiles sum up a measurement.
type Quantiles struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
	N   int   `json:"n"`
}

// Usage is what all processes of the application together took, over the samples.
type Usage struct {
	CPUMilli    Quantiles `json:"cpuMilli"`    // thousandths of a core
	MemoryBytes Quantiles `json:"memoryBytes"` // resident, shared pages once (PSS where it can be read)
	Threads     Quantiles `json:"threads"`
	OpenFiles   Quantiles `json:"openFiles"`
	Processes   Quantiles `json:"processes"`
	MemoryFrom  string    `json:"memoryFrom,omitempty"` // pss, rss, cgroup
	// ReadBytes and WriteBytes are per hour, to block devices.
	ReadBytes  int64 `json:"readBytesPerHour,omitempty"`
	WriteBytes int64 `json:"writeBytesPerHour,omitempty"`
	Throttled  bool  `json:"throttled,omitempty"`
}

// Load is a load that was made while the usage was measured.
type Load struct {
	URL      string        `json:"url"`
	Rate     float64       `json:"rate"`     // requests per second that were wanted
	Achieved float64       `json:"achieved"` // that were made
	For      time.Duration `json:"forNanos"`
	Requests uint64        `json:"requests"`
	Errors   uint64        `json:"errors"`
	Latency  Quantiles     `json:"latencyMicros"`
	// Valid is false where the rate was not reached: then the usage says nothing
	// about what the application needs at that rate, and Why says how far it got.
	Valid bool   `json:"valid"`
	Why   string `json:"why,omitempty"`
	// Usage is that of the application during the load alone.
	Usage Usage `json:"usage"`
}

// DrillName is an experiment that a person allows.
type DrillName string

// The drills on the machine. Both are made on a second instance of the
// application, started beside it in a network of its own.
const (
	DrillSIGTERM DrillName = "sigterm"
	DrillHealth  DrillName = "health"
)

// Drill is one experiment and its outcome. Err says why it could not be made:
// then it has proven nothing.
type Drill struct {
	Name   DrillName     `json:"name"`
	At     time.Time     `json:"at"`
	How    string        `json:"how"`
	Err    string        `json:"err,omitempty"`
	Passed bool          `json:"passed"`
	Detail string        `json:"detail,omitempty"`
	Boot   time.Duration `json:"bootNanos,omitempty"` // until the second instance listened
	// Of the sigterm drill: requests in flight at the signal, those answered, and
	// how long the process took to end.
	InFlight int           `json:"inFlight,omitempty"`
	Answered int           `json:"answered,omitempty"`
	EndedIn  time.Duration `json:"endedInNanos,omitempty"`
	// Of the health drill: the answers with and without what it depends on.
	Before []HealthAnswer `json:"before,omitempty"`
	After  []HealthAnswer `json:"after,omitempty"`
	// Opened are files that the second instance opened at its start.
	Opened []string `json:"opened,omitempty"`
}
