package readiness

import (
	"math"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

func TestResourcesAndBase(t *testing.T) {
	t.Parallel()
	load := func(change func(l *inventory.Load)) func(*Input, *inventory.Facts) {
		return func(in *Input, _ *inventory.Facts) {
			for i := range in.Report.Machines {
				change(in.Report.Machines[i].Load)
			}
		}
	}
	declared := func(change func(r *migration.Resources)) func(*Input, *inventory.Facts) {
		return func(in *Input, _ *inventory.Facts) { change(&in.Spec.Workloads[0].Resources) }
	}
	from := func(base string) func(*Input, *inventory.Facts) {
		return func(in *Input, _ *inventory.Facts) {
			o := in.Bases["bank"]
			o.Value.From = base
			in.Bases["bank"] = o
		}
	}
	runTrials(t, []trial{
		{"measured and declared", migration.CodeResources, unchanged, pass, "a CPU request of 260m and 130.0 MiB of memory as request and limit (30 % above what was measured)"},
		{"one machine is enough", migration.CodeResources, facts(func(f *inventory.Facts) { f.Load = nil }), pass, "260m"},
		{"no load", migration.CodeResources, func(in *Input, _ *inventory.Facts) {
			in.Report.Machines[0].Load, in.Report.Machines[1].Load = nil, nil
		}, unknown, "no load was made"},
		{"rate not reached", migration.CodeResources, load(func(l *inventory.Load) { l.Valid, l.Achieved, l.Why = false, 61, "too slow" }), unknown, "61 of 100 a second"},
		{"failing requests", migration.CodeResources, load(func(l *inventory.Load) { l.Errors = 100 }), unknown, "100 of 6000 requests failed"},
		{"few failing requests", migration.CodeResources, load(func(l *inventory.Load) { l.Errors = 50 }), pass, ""},
		{"no requests", migration.CodeResources, load(func(l *inventory.Load) { l.Requests = 0 }), unknown, "no request"},
		{"too few samples", migration.CodeResources, load(func(l *inventory.Load) { l.Usage.CPUMilli.N = 3 }), unknown, "3 samples"},
		{"held down by a quota", migration.CodeResources, load(func(l *inventory.Load) { l.Usage.Throttled = true }), unknown, "quota"},
		{"CPU request below", migration.CodeResources, declared(func(r *migration.Resources) { r.CPURequestMilli = 199 }), fail, "199m, and the p95 was 200m"},
		{"CPU limit below", migration.CodeResources, declared(func(r *migration.Resources) { r.CPULimitMilli = 299 }), fail, "throttled"},
		{"memory request below", migration.CodeResources, declared(func(r *migration.Resources) { r.MemoryRequestBytes = 99 << 20 }), fail, "memory request"},
		{"memory limit below", migration.CodeResources, declared(func(r *migration.Resources) { r.MemoryLimitBytes = 99 << 20 }), fail, "killed"},
		{"nothing declared", migration.CodeResources, declared(func(r *migration.Resources) { *r = migration.Resources{} }), fail, "no CPU request is declared; no memory request is declared"},
		{"the higher machine counts", migration.CodeResources, facts(func(f *inventory.Facts) { f.Load.Usage.CPUMilli.P95 = 400 }), fail, "the p95 was 400m"},

		{"approved", migration.CodeBaseImage, unchanged, pass, ""},
		{"the approved base itself, by digest", migration.CodeBaseImage, from("registry.golemtrust.am/base@sha256:0"), pass, ""},
		{"a name that only begins so", migration.CodeBaseImage, from("registry.golemtrust.am/basement:1"), fail, "does not approve"},
		{"elsewhere", migration.CodeBaseImage, from("ghcr.io/base/go:1"), fail, "does not approve"},
		{"Docker Hub by name", migration.CodeBaseImage, from("docker.io/library/debian:13"), fail, "Docker Hub"},
		{"Docker Hub by nothing", migration.CodeBaseImage, from("debian:13"), fail, "Docker Hub"},
		{"Docker Hub, somebody's", migration.CodeBaseImage, from("bitnami/redis"), fail, "Docker Hub"},
		{"Docker Hub, approved", migration.CodeBaseImage, func(in *Input, f *inventory.Facts) {
			in.Policy.ApprovedBases = []string{"docker.io/*"}
			from("docker.io/library/debian")(in, f)
		}, fail, "Docker Hub"},
		{"nothing at all", migration.CodeBaseImage, from("scratch"), fail, "does not approve"},
		{"nothing at all, approved", migration.CodeBaseImage, func(in *Input, f *inventory.Facts) {
			in.Policy.ApprovedBases = []string{"scratch"}
			from("scratch")(in, f)
		}, pass, ""},
		{"by its layers", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) {
			in.Bases["bank"] = migration.Observed[migration.BaseFacts]{At: now, Value: migration.BaseFacts{Approved: "registry.golemtrust.am/base/go:1", By: "layers"}}
		}, pass, ""},
		{"a pattern", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) { in.Policy.ApprovedBases = []string{"registry.golemtrust.am/ba*"} }, pass, ""},
		{"not looked at", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) { in.Bases = nil }, unknown, "not known"},
		{"looked at in vain", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) {
			in.Bases["bank"] = migration.Observed[migration.BaseFacts]{Err: "no such file"}
		}, unknown, "no such file"},
		{"seen long ago", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) {
			o := in.Bases["bank"]
			o.At = now.Add(-25 * 3600e9)
			in.Bases["bank"] = o
		}, unknown, "ago"},
		{"tells nothing", migration.CodeBaseImage, from(""), unknown, "neither"},
		{"no policy", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) { in.Policy.ApprovedBases = nil }, unknown, "approves no base"},
		{"no workload", migration.CodeBaseImage, func(in *Input, _ *inventory.Facts) {
			in.Spec.Workloads = nil
		}, unknown, "no workload"},
	})
}

// TestBaseCommands: the first image is shown, by its Dockerfile where there is one.
func TestBaseCommands(t *testing.T) {
	t.Parallel()
	in := input(good())
	in.Spec.Workloads = append(in.Spec.Workloads, migration.Workload{Name: "web", Dockerfile: "web/Dockerfile"})
	in.Bases["web"] = migration.Observed[migration.BaseFacts]{At: now.Add(-time.Hour), Value: migration.BaseFacts{From: "debian"}}
	f := finding(in, migration.CodeBaseImage)
	if f.Command != "grep -n -i '^FROM' Dockerfile" || !f.At.Equal(now.Add(-time.Hour)) || f.Observed != "web stands on debian of Docker Hub" || len(f.Evidence) != 2 {
		t.Errorf("%+v", f)
	}
	in.Spec.Workloads[0].Dockerfile = ""
	if f := finding(in, migration.CodeBaseImage); f.Command != "skopeo inspect docker://registry.golemtrust.am/bank@sha256:00" {
		t.Error(f.Command)
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	usage := func(cpu, memory int64) inventory.Usage {
		return inventory.Usage{CPUMilli: inventory.Quantiles{P95: cpu, Max: 10 * cpu}, MemoryBytes: inventory.Quantiles{P95: 1, Max: memory}}
	}
	for _, tt := range []struct {
		usage        inventory.Usage
		margin       float64
		cpu, memory  int64
		whatItStands string
	}{
		{usage(200, 100<<20), 0.3, 260, 130 << 20, "a share above what was measured"},
		{usage(1, 1), 0.3, 2, 1 << 20, "rounded up"},
		{usage(0, 0), 0.3, 1, 0, "an idle one asks for something"},
		{usage(100, 1<<20), -1, 100, 1 << 20, "no margin below none"},
		{usage(100, 1<<20), math.NaN(), 100, 1 << 20, "nor one that is no number"},
		{usage(math.MaxInt64, math.MaxInt64), 1e300, math.MaxInt64, math.MaxInt64, "and nothing runs over"},
	} {
		r := need(tt.usage, tt.margin)
		if r.CPURequestMilli != tt.cpu || r.MemoryRequestBytes != tt.memory || r.MemoryLimitBytes != tt.memory || r.CPULimitMilli != 0 {
			t.Errorf("%s: %+v", tt.whatItStands, r)
		}
	}
	if got := Judge(input(good())).Resources; got == nil || got.CPURequestMilli != 260 {
		t.Errorf("the assessment says %+v", got)
	}
	bare := good()
	bare.Load = nil
	if got := Judge(input(bare)).Resources; got != nil {
		t.Errorf("without a load the assessment says %+v", got)
	}
}
