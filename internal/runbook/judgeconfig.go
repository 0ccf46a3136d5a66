package runbook

import (
	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/migration"
)

// JudgeConfig is the judgement that a policy asks for, of a side that is measured at
// the vantage against the baseline. Where the baseline knows no latency, none is
// judged.
func JudgeConfig(p migration.Policy, vantage string, base analysis.Baseline) analysis.Config {
	c := analysis.DefaultConfig()
	c.Alpha = p.Alpha
	c.ErrorTolerance = p.ErrorTolerance
	c.LatencyFactor = p.LatencyFactor
	c.WarmUp = p.WarmUp
	c.SampleEvery = p.SampleEvery
	c.Vantage = vantage
	if len(base.Buckets) == 0 {
		c.LatencyFactor = 0
	}
	return c
}
