package v1alpha1

// Metrics says where both sides are measured.
type Metrics struct {
	// Name of a metrics source in the policy.
	Source string `json:"source" jsonschema:"required"`
	// The series of the machines.
	Old SideMetrics `json:"old" jsonschema:"required"`
	// The series of the pods.
	New SideMetrics `json:"new" jsonschema:"required"`
	// Address of a dashboard, for people.
	Dashboard string `json:"dashboard,omitempty"`
	// A second source, which carries on where the first is blind.
	Fallback *MetricsFallback `json:"fallback,omitempty"`
}

// MetricsFallback is a second source with counters of its own of both sides, taken at
// the same kind of point as the first one's: a baseline of one says nothing of another.
type MetricsFallback struct {
	// Name of a metrics source in the policy, another than the first.
	Source string `json:"source" jsonschema:"required"`
	// The series of the machines.
	Old SideMetrics `json:"old" jsonschema:"required"`
	// The series of the pods.
	New SideMetrics `json:"new" jsonschema:"required"`
}

// SideMetrics are selectors of raw counters for one side: no rate(), no sum().
type SideMetrics struct {
	// Counts everything that was answered.
	Requests string `json:"requests" jsonschema:"required"`
	// Counts what failed.
	Errors string `json:"errors" jsonschema:"required"`
	// The _bucket series of a histogram in seconds; omitted, latency cannot be
	// judged.
	Latency string `json:"latency,omitempty"`
	// Where it is counted. Latencies are comparable only where both sides are
	// measured at the same kind of point.
	Vantage string `json:"vantage" jsonschema:"required,enum=application,enum=edge,enum=probe"`
}

// Smoke is the suite that must pass: a command, or checks, or both. A suite
// that runs no test has failed.
type Smoke struct {
	// A program and its arguments, started without a shell. It finds the address
	// in REHOME_SMOKE_URL; its exit code decides.
	Command []string `json:"command,omitempty"`
	// Requests and what their answers must be.
	Checks []Check `json:"checks,omitempty"`
}

// Check is one request and what its answer must be.
type Check struct {
	// What it shows.
	Name string `json:"name" jsonschema:"required"`
	// The path that is asked for.
	Path string `json:"path" jsonschema:"required"`
	// The status that must come.
	Status int `json:"status,omitempty" jsonschema:"minimum=100,maximum=599,default=200"`
	// What the body must contain.
	Contains string `json:"contains,omitempty"`
}

// Data says which stores the sides talk to.
type Data struct {
	// Whether both sides write to the same stores. Only then is a rollback without
	// a person possible: otherwise it would lose what the new side wrote.
	Shared *bool `json:"shared" jsonschema:"required"`
	// The stores, for people.
	Stores []string `json:"stores,omitempty"`
}
