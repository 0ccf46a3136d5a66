package readiness

import (
	"fmt"
	"math"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// A profile needs so many samples, and may have so large a share of errors:
// requests that fail cost less than those that succeed.
const (
	profileSamples = 10
	profileErrors  = 0.01
)

// profiled is RESOURCES: CPU and memory were measured under a load that was
// really made, and the workloads declare at least that. One pod is taken to do
// the work of one machine; several workloads together.
func profiled(l look) opinion {
	o := opinion{remedy: "measure under a production load: rehome probe --load URL --rate N --for 5m"}
	o.at, _ = l.oldest()
	why := "no load was made while it was measured"
	var peak inventory.Usage
	valid := 0
	for _, m := range l.machines {
		o.noteOrigin(m, "load")
		if m.Load == nil {
			why = m.without(why, "load")
			continue
		}
		if bad := unusable(*m.Load); bad != "" {
			why = bad
			o.note(m.then("load"), 0, "load of %.0f requests a second: %s", m.Load.Rate, bad)
			continue
		}
		valid++
		peak = higher(peak, m.Load.Usage)
		o.note(m.then("load"), m.Load.Usage.CPUMilli.N, "at %.0f requests a second: CPU p50 %dm, p95 %dm, p99 %dm, highest %dm; memory p95 %s, highest %s (%s)",
			m.Load.Achieved, m.Load.Usage.CPUMilli.P50, m.Load.Usage.CPUMilli.P95, m.Load.Usage.CPUMilli.P99, m.Load.Usage.CPUMilli.Max,
			size(m.Load.Usage.MemoryBytes.P95), size(m.Load.Usage.MemoryBytes.Max), m.Load.Usage.MemoryFrom)
		o.command = showUsage(m)
	}
	if o.command == "" && len(l.machines) > 0 {
		o.command = showUsage(l.machines[0])
	}
	if valid == 0 {
		return o.unknown("%s", why)
	}
	needs := "; it needs " + amounts(need(peak, l.Policy.ResourceMargin)) + fmt.Sprintf(" (%.0f %% above what was measured)", 100*margin(l.Policy.ResourceMargin))
	if low := l.tooLow(peak); len(low) > 0 {
		o.remedy = "declare resources" + needs[len("; it needs"):]
		return o.fails("%s%s", some(low), needs)
	}
	return o.passes("what the workloads declare covers what was measured%s", needs)
}

// unusable says why a load says nothing of what the application needs.
func unusable(ld inventory.Load) string {
	switch {
	case !ld.Valid:
		return fmt.Sprintf("the rate was not reached (%.0f of %.0f a second): %s", ld.Achieved, ld.Rate, ld.Why)
	case ld.Requests == 0:
		return "the load made no request"
	case float64(ld.Errors) > profileErrors*float64(ld.Requests):
		return fmt.Sprintf("%d of %d requests failed under the load", ld.Errors, ld.Requests)
	case ld.Usage.CPUMilli.N < profileSamples || ld.Usage.MemoryBytes.N < profileSamples:
		return fmt.Sprintf("%d samples under the load are too few, %d are needed", min(ld.Usage.CPUMilli.N, ld.Usage.MemoryBytes.N), profileSamples)
	case ld.Usage.Throttled:
		return "a quota held the CPU down while it was measured"
	}
	return ""
}

// higher takes the higher of two measurements, number by number.
func higher(a, b inventory.Usage) inventory.Usage {
	q := func(x, y inventory.Quantiles) inventory.Quantiles {
		return inventory.Quantiles{P50: max(x.P50, y.P50), P95: max(x.P95, y.P95), P99: max(x.P99, y.P99), Max: max(x.Max, y.Max), N: max(x.N, y.N)}
	}
	a.CPUMilli, a.MemoryBytes = q(a.CPUMilli, b.CPUMilli), q(a.MemoryBytes, b.MemoryBytes)
	return a
}

// tooLow lists what the workloads declare below what was measured, or not at all.
func (l look) tooLow(u inventory.Usage) []string {
	var sum migration.Resources
	unlimited := migration.Resources{}
	for _, w := range l.Spec.Workloads {
		r := w.Resources
		sum.CPURequestMilli = plus(sum.CPURequestMilli, r.CPURequestMilli)
		sum.CPULimitMilli = plus(sum.CPULimitMilli, r.CPULimitMilli)
		sum.MemoryRequestBytes = plus(sum.MemoryRequestBytes, r.MemoryRequestBytes)
		sum.MemoryLimitBytes = plus(sum.MemoryLimitBytes, r.MemoryLimitBytes)
		if r.CPULimitMilli == 0 {
			unlimited.CPULimitMilli++
		}
		if r.MemoryLimitBytes == 0 {
			unlimited.MemoryLimitBytes++
		}
	}
	var low []string
	switch {
	case sum.CPURequestMilli == 0:
		low = append(low, "no CPU request is declared")
	case sum.CPURequestMilli < u.CPUMilli.P95:
		low = append(low, fmt.Sprintf("the CPU request is %dm, and the p95 was %dm", sum.CPURequestMilli, u.CPUMilli.P95))
	}
	if unlimited.CPULimitMilli == 0 && sum.CPULimitMilli < u.CPUMilli.Max {
		low = append(low, fmt.Sprintf("the CPU limit is %dm, and %dm were used: it would be throttled", sum.CPULimitMilli, u.CPUMilli.Max))
	}
	switch {
	case sum.MemoryRequestBytes == 0:
		low = append(low, "no memory request is declared")
	case sum.MemoryRequestBytes < u.MemoryBytes.P95:
		low = append(low, fmt.Sprintf("the memory request is %s, and the p95 was %s", size(sum.MemoryRequestBytes), size(u.MemoryBytes.P95)))
	}
	if unlimited.MemoryLimitBytes == 0 && sum.MemoryLimitBytes < u.MemoryBytes.Max {
		low = append(low, fmt.Sprintf("the memory limit is %s, and %s were used: it would be killed", size(sum.MemoryLimitBytes), size(u.MemoryBytes.Max)))
	}
	return low
}

// profile is what the loads of all machines lead to; nil without a usable one.
func (l look) profile() *migration.Resources {
	var peak inventory.Usage
	valid := false
	for _, m := range l.machines {
		if m.Load != nil && unusable(*m.Load) == "" {
			peak, valid = higher(peak, m.Load.Usage), true
		}
	}
	if !valid {
		return nil
	}
	r := need(peak, l.Policy.ResourceMargin)
	return &r
}

// need turns a measurement into requests and limits:
//
//	CPU request    = p95 × (1 + margin), rounded up to a thousandth of a core
//	CPU limit      = none: a limit throttles short bursts long before the node is
//	                 short of CPU, which shows as a higher p99 (THROTTLED)
//	memory request = limit = highest × (1 + margin), rounded up to a MiB: memory
//	                 cannot be taken back, so that a pod which may use more than it
//	                 asked for is the first to be killed
func need(u inventory.Usage, m float64) migration.Resources {
	const mebi = 1 << 20
	memory := raise(u.MemoryBytes.Max, m)
	if rest := memory % mebi; rest > 0 && memory < math.MaxInt64-mebi {
		memory += mebi - rest
	}
	return migration.Resources{CPURequestMilli: max(1, raise(u.CPUMilli.P95, m)), MemoryRequestBytes: memory, MemoryLimitBytes: memory}
}

// margin is the policy's, and none where that is no share.
func margin(m float64) float64 {
	if m >= 0 && !math.IsInf(m, 0) {
		return m
	}
	return 0
}

// raise adds a margin and rounds up, without running over.
func raise(n int64, m float64) int64 {
	// A share of a decimal fraction is a hair off; a thousandth of a unit is none.
	v := math.Ceil(float64(max(0, n))*(1+margin(m)) - 1e-3)
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v)
}

func plus(a, b int64) int64 {
	a, b = max(0, a), max(0, b)
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func amounts(r migration.Resources) string {
	return fmt.Sprintf("a CPU request of %dm and %s of memory as request and limit", r.CPURequestMilli, size(r.MemoryRequestBytes))
}
