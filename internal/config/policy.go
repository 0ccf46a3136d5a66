package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// policy turns a decoded Policy into the domain's. What is left out is the
// default policy's; dir is where relative paths begin.
func (s *source) policy(w v1alpha1.Policy, dir string) migration.Policy {
	s.nameRule("metadata.name", w.Name, validation.IsDNS1123Label)
	p := migration.DefaultPolicy()
	p.Name = w.Name
	s.policyTimes(w.Spec, &p)
	s.policyWatch(w.Spec.Watch, &p)
	set(&p.SelfApproval, w.Spec.Approvals.Self)
	p.SSH = s.ssh(w.Spec.SSH, dir)
	if m := w.Spec.Resources.Margin; m != nil {
		p.ResourceMargin = share(*m)
	}
	p.ApprovedBases = s.bases(w.Spec.Images.ApprovedBases)
	p.AgentImage = s.agentImage(w.Spec.Images.Agent)
	if w.Spec.Mesh != "none" {
		p.Mesh = w.Spec.Mesh
	}
	p.DNSProviders = s.connections(RoleDNS, w.Spec.Providers.DNS, dir)
	p.Clusters = s.connections(RoleCluster, w.Spec.Providers.Clusters, dir)
	p.MetricsSources = s.connections(RoleMetrics, w.Spec.Providers.Metrics, dir)
	p.StandingWaivers = s.standingWaivers(w.Spec.StandingWaivers)
	p.Freezes = s.freezes(w.Spec.Freezes)
	return p
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// span sets a time span, which must be at least as long as least.
func (s *source) span(field string, to *time.Duration, from *metav1.Duration, least time.Duration) {
	if from == nil || s.bad[field] {
		return
	}
	*to = from.Duration
	if from.Duration < least {
		s.problem(field, "is "+from.Duration.String(), "must be at least "+least.String())
	}
}

func (s *source) policyTimes(w v1alpha1.PolicySpec, p *migration.Policy) {
	ttl := time.Duration(p.TTL) * time.Second
	s.span("spec.dns.ttl", &ttl, w.DNS.TTL, time.Second)
	switch {
	case s.bad["spec.dns.ttl"]:
	case ttl%time.Second != 0:
		s.problem("spec.dns.ttl", "is "+ttl.String()+", not whole seconds", "write it in whole seconds")
	case ttl > 24*time.Hour:
		s.problem("spec.dns.ttl", "is "+ttl.String()+", which lowers nothing", "write the TTL to have before the switch, such as 60s")
	default:
		p.TTL = uint32(ttl / time.Second)
	}
	s.span("spec.dns.lead", &p.Lead, w.DNS.Lead, 0)
	s.span("spec.dns.propagation", &p.Propagation, w.DNS.Propagation, time.Second)
	s.span("spec.deploy.rollout", &p.Rollout, w.Deploy.Rollout, time.Second)
	s.span("spec.balancer.clean", &p.BalancerClean, w.Balancer.Clean, 0)
	s.span("spec.baseline.for", &p.BaselineFor, w.Baseline.For, time.Second)
	if w.Baseline.MinRequests != nil {
		p.BaselineMin = uint64(max(*w.Baseline.MinRequests, 0))
	}
	s.span("spec.rollback.budget", &p.RollbackBudget, w.Rollback.Budget, 0)
	s.span("spec.rollback.drain", &p.Drain, w.Rollback.Drain, 0)
	s.span("spec.rollback.trial", &p.Trial, w.Rollback.Trial, time.Second)
	s.span("spec.hold.for", &p.Hold, w.Hold.For, 0)
	s.span("spec.hold.residual", &p.Residual, w.Hold.Residual, 0)
	s.span("spec.evidence.maxAge", &p.EvidenceAge, w.Evidence.MaxAge, time.Second)
	s.span("spec.evidence.probeFor", &p.ProbeFor, w.Evidence.ProbeFor, time.Second)
	s.span("spec.evidence.probeEvery", &p.ProbeEvery, w.Evidence.ProbeEvery, 100*time.Millisecond)
	if p.ProbeEvery > p.ProbeFor && !s.bad["spec.evidence.probeFor"] {
		s.problem("spec.evidence.probeEvery", fmt.Sprintf("is longer than probeFor, %s", p.ProbeFor), "take samples more often, or for longer")
	}
	if p.ProbeFor >= p.EvidenceAge && !s.bad["spec.evidence.maxAge"] {
		s.problem("spec.evidence.probeFor", fmt.Sprintf("is not shorter than maxAge, %s: facts would be too old when they are taken", p.EvidenceAge), "probe for a shorter time")
	}
}

func (s *source) policyWatch(w v1alpha1.PolicyWatch, p *migration.Policy) {
	const field = "spec.watch"
	s.span(field+".for", &p.Watch, w.For, time.Second)
	s.span(field+".restartFree", &p.RestartFree, w.RestartFree, 0)
	s.span(field+".sampleEvery", &p.SampleEvery, w.SampleEvery, 100*time.Millisecond)
	s.span(field+".warmUp", &p.WarmUp, w.WarmUp, 0)
	s.span(field+".blind.askAfter", &p.BlindAsk, w.Blind.AskAfter, 0)
	s.span(field+".blind.rollbackAfter", &p.BlindRollback, w.Blind.RollbackAfter, 0)
	s.span(field+".fixFor", &p.FixFor, w.FixFor, time.Second)
	set(&p.LatencyFactor, w.LatencyFactor)
	set(&p.Alpha, w.Alpha)
	if w.ErrorTolerance != nil {
		p.ErrorTolerance = share(*w.ErrorTolerance)
	}
	if w.OnBad != "" {
		p.OnBad = migration.OnBad(w.OnBad)
	}
	if p.SampleEvery > p.Watch && !s.bad[field+".for"] {
		s.problem(field+".sampleEvery", fmt.Sprintf("is longer than the watch of %s", p.Watch), "look more often, or watch for longer")
	}
	if p.BlindRollback < p.BlindAsk && !s.bad[field+".blind.askAfter"] {
		s.problem(field+".blind.rollbackAfter", fmt.Sprintf("is %s, before a person is asked after %s", p.BlindRollback, p.BlindAsk), "ask first, roll back later")
	}
	if w.FixFor != nil && p.OnBad != migration.OnBadFix && !s.bad[field+".onBad"] {
		s.problem(field+".fixFor", "has no effect while onBad is rollback", "write onBad: fix-for, or leave fixFor out")
	}
}

// share is percentage points as a share. The decimal point is moved in the
// text, so that 0.1 becomes the very 0.001 of the default.
func share(points float64) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(points, 'f', -1, 64)+"e-2", 64)
	if err != nil {
		return points / 100
	}
	return f
}

// bases are prefixes; the star that people write at their end is not part of them.
func (s *source) bases(patterns []string) []string {
	var out []string
	for i, p := range patterns {
		field := fmt.Sprintf("spec.images.approvedBases[%d]", i)
		prefix := strings.TrimRight(p, "*")
		switch {
		case !s.said(field):
		case prefix == "":
			s.problem(field, "approves every image", "name a registry and a path, such as registry.example.org/base/*")
		case strings.ContainsAny(prefix, "* \t") || strings.Contains(prefix, "://"):
			s.problem(field, "is "+quoted(p)+", not a prefix of images", "write it like registry.example.org/base/*, with a star at most at the end")
		}
		out = append(out, prefix)
	}
	return out
}

func (s *source) standingWaivers(ws []v1alpha1.StandingWaiver) []migration.Waiver {
	var out []migration.Waiver
	codes := make([]string, 0, len(ws))
	for i, w := range ws {
		field := fmt.Sprintf("spec.standingWaivers[%d]", i)
		code := migration.Code(w.Code)
		switch {
		case !s.said(field + ".code"):
		case !slices.Contains(migration.Codes(), code):
			s.problem(field+".code", "there is no guard "+quoted(w.Code), codeHint(w.Code))
		case !code.Waivable():
			s.problem(field+".code", w.Code+" cannot be waived", "the procedure itself promises it: leave this entry out")
		}
		codes = append(codes, w.Code)
		out = append(out, migration.Waiver{Code: code, By: w.By, Reason: w.Reason, Until: w.Until.Time})
	}
	s.unique("spec.standingWaivers", codes, "code")
	return out
}

func codeHint(code string) string {
	var all []string
	for _, c := range migration.Codes() {
		all = append(all, string(c))
	}
	if nearest(code, all) == "" {
		return "a guard's name is what plan prints, such as " + string(migration.CodeSessions)
	}
	return suggestion(code, all)
}
