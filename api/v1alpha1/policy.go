package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Policy holds an organisation's numbers, and the systems that its migrations
// work with. Every number that is left out is the runbook's; a weaker one is
// named on everything that it touched.
type Policy struct {
	metav1.TypeMeta `json:",inline"`

	// Name of the policy, as plans and reports print it.
	metav1.ObjectMeta `json:"metadata" jsonschema:"required"`
	// The numbers and the systems.
	Spec PolicySpec `json:"spec" jsonschema:"required"`
}

// PolicySpec is the numbers and the systems.
type PolicySpec struct {
	// The change of the DNS records.
	DNS PolicyDNS `json:"dns,omitzero"`
	// Putting pods into the cluster.
	Deploy PolicyDeploy `json:"deploy,omitzero"`
	// The load balancer before the window.
	Balancer PolicyBalancer `json:"balancer,omitzero"`
	// What the new side is compared with.
	Baseline PolicyBaseline `json:"baseline,omitzero"`
	// The judgement after the switch.
	Watch PolicyWatch `json:"watch,omitzero"`
	// The way back.
	Rollback PolicyRollback `json:"rollback,omitzero"`
	// Stable operation before the machines are released.
	Hold PolicyHold `json:"hold,omitzero"`
	// What was seen before.
	Evidence PolicyEvidence `json:"evidence,omitzero"`
	// Who may say yes.
	Approvals PolicyApprovals `json:"approvals,omitzero"`
	// Where images may come from.
	Images PolicyImages `json:"images,omitzero"`
	// What is made of the usage under load.
	Resources PolicyResources `json:"resources,omitzero"`
	// How machines are reached.
	SSH PolicySSH `json:"ssh,omitzero"`
	// Times in which nothing is switched.
	Freezes []Freeze `json:"freezes,omitempty"`
	// The service mesh that pods must be part of.
	Mesh string `json:"mesh,omitempty" jsonschema:"enum=none,enum=istio,default=none"`
	// The systems that migrations work with. Settings hold addresses and where
	// secrets are kept, never a secret.
	Providers Providers `json:"providers,omitzero"`
	// Guards that the organisation lets pass in every migration, by name.
	StandingWaivers []StandingWaiver `json:"standingWaivers,omitempty"`
}

// PolicyDNS are the numbers of the change of the DNS records.
type PolicyDNS struct {
	// The TTL before the window, in whole seconds.
	TTL *metav1.Duration `json:"ttl,omitempty" jsonschema:"default=60s"`
	// How long the TTL must have been low before the switch; longer where the old
	// TTL was.
	Lead *metav1.Duration `json:"lead,omitempty" jsonschema:"default=24h"`
	// How long every name server may take to serve a change.
	Propagation *metav1.Duration `json:"propagation,omitempty" jsonschema:"default=5m"`
}

// PolicyDeploy are the numbers of putting pods into the cluster.
type PolicyDeploy struct {
	// How long the pods may take to be ready after an apply.
	Rollout *metav1.Duration `json:"rollout,omitempty" jsonschema:"default=10m"`
}

// PolicyBalancer are the numbers of the load balancer.
type PolicyBalancer struct {
	// How long it must answer without an error before the window.
	Clean *metav1.Duration `json:"clean,omitempty" jsonschema:"default=3m"`
}

// PolicyBaseline says what the new side is compared with.
type PolicyBaseline struct {
	// How far back the baseline reaches.
	For *metav1.Duration `json:"for,omitempty" jsonschema:"default=1h"`
	// How many requests it must hold.
	MinRequests *int64 `json:"minRequests,omitempty" jsonschema:"minimum=1,default=10000"`
}

// PolicyWatch are the numbers of the judgement after the switch.
type PolicyWatch struct {
	// How long the new side is judged.
	For *metav1.Duration `json:"for,omitempty" jsonschema:"default=15m"`
	// How long after the switch no pod may restart.
	RestartFree *metav1.Duration `json:"restartFree,omitempty" jsonschema:"default=10m"`
	// The time between two looks at the metrics.
	SampleEvery *metav1.Duration `json:"sampleEvery,omitempty" jsonschema:"default=5s"`
	// How far the error rate may rise above the baseline, in percentage points:
	// 0.1 lets 0.2 % become 0.3 %.
	ErrorTolerance *float64 `json:"errorTolerance,omitempty" jsonschema:"minimum=0.0001,maximum=50,default=0.1"`
	// The p99 latency that is still healthy, as a multiple of the baseline's: 1.2
	// is 20 % more.
	LatencyFactor *float64 `json:"latencyFactor,omitempty" jsonschema:"minimum=1.01,maximum=1000,default=1.2"`
	// The chance of ever rolling back a healthy migration, over all looks together.
	Alpha *float64 `json:"alpha,omitempty" jsonschema:"minimum=0.000001,maximum=0.5,default=0.001"`
	// The first time of a pod, in which its latency does not count; its errors
	// always do.
	WarmUp *metav1.Duration `json:"warmUp,omitempty" jsonschema:"default=1m"`
	// What happens when there are no metrics.
	Blind PolicyBlind `json:"blind,omitzero"`
	// What a bad verdict leads to: back at once, or a person has fixFor to repair
	// it first.
	OnBad string `json:"onBad,omitempty" jsonschema:"enum=rollback,enum=fix-for,default=rollback"`
	// The bound on that repair.
	FixFor *metav1.Duration `json:"fixFor,omitempty" jsonschema:"default=15m"`
}

// PolicyBlind says what happens when there are no metrics.
type PolicyBlind struct {
	// After this long a person is asked.
	AskAfter *metav1.Duration `json:"askAfter,omitempty" jsonschema:"default=5m"`
	// After this long it is rolled back, if rehome's own probes fail too.
	RollbackAfter *metav1.Duration `json:"rollbackAfter,omitempty" jsonschema:"default=10m"`
}

// PolicyRollback are the numbers of the way back.
type PolicyRollback struct {
	// The time kept free for it at the end of the window.
	Budget *metav1.Duration `json:"budget,omitempty" jsonschema:"default=15m"`
	// How long the new side's own traffic may take to end.
	Drain *metav1.Duration `json:"drain,omitempty" jsonschema:"default=2m"`
	// How long load is sent through the return path before it counts as tried.
	Trial *metav1.Duration `json:"trial,omitempty" jsonschema:"default=10s"`
}

// PolicyHold are the numbers of the time before the machines are released.
type PolicyHold struct {
	// How long the new side must have been stable.
	For *metav1.Duration `json:"for,omitempty" jsonschema:"default=72h"`
	// How long nobody must have come to the old side.
	Residual *metav1.Duration `json:"residual,omitempty" jsonschema:"default=24h"`
}

// PolicyEvidence says how old evidence may be.
type PolicyEvidence struct {
	// What is older is taken again before the switch.
	MaxAge *metav1.Duration `json:"maxAge,omitempty" jsonschema:"default=24h"`
	// How long facts are taken on the machines.
	ProbeFor *metav1.Duration `json:"probeFor,omitempty" jsonschema:"default=1m"`
	// The time between two samples of it.
	ProbeEvery *metav1.Duration `json:"probeEvery,omitempty" jsonschema:"default=1s"`
}

// PolicyResources says what is made of the usage under load.
type PolicyResources struct {
	// What requests and limits lie above what was measured, in per cent.
	Margin *float64 `json:"margin,omitempty" jsonschema:"minimum=0,maximum=1000,default=30"`
}

// PolicySSH says how machines are reached. Host keys are always checked.
type PolicySSH struct {
	// Whom to log in as, where a machine's reach does not say; omitted, the one who
	// runs rehome.
	User string `json:"user,omitempty"`
	// File of the private key, relative to this file; omitted, the agent's keys and
	// the usual files. The key itself never stands here.
	IdentityFile string `json:"identityFile,omitempty"`
	// File of the machines' keys, relative to this file; omitted, the user's own.
	KnownHostsFile string `json:"knownHostsFile,omitempty"`
	// Take facts with sudo, which must not ask for a password.
	Sudo *bool `json:"sudo,omitempty" jsonschema:"default=false"`
}

// PolicyApprovals says who may say yes.
type PolicyApprovals struct {
	// Whether the one who runs a migration may approve it.
	Self *bool `json:"self,omitempty" jsonschema:"default=false"`
}

// PolicyImages says where images may come from.
type PolicyImages struct {
	// Prefixes of approved base images; a * at the end stands for anything.
	ApprovedBases []string `json:"approvedBases,omitempty"`
	// Image of rehome-agent, pinned by digest. Drills look from within a staging pod
	// by it, as an ephemeral container that ends by itself; and the forwarders of the
	// return path run in it.
	Agent string `json:"agent,omitempty"`
}

// Providers are the systems that migrations work with, by name.
type Providers struct {
	// DNS providers.
	DNS []Provider `json:"dns,omitempty"`
	// Kubernetes clusters.
	Clusters []Provider `json:"clusters,omitempty"`
	// Sources of metrics.
	Metrics []Provider `json:"metrics,omitempty"`
}

// Provider is one outside system.
type Provider struct {
	// The name by which migrations call it.
	Name string `json:"name" jsonschema:"required"`
	// What it is.
	Type string `json:"type" jsonschema:"required"`
	// How it is reached, and where its secrets are kept. Paths are relative to
	// this file; a list is written with commas.
	Settings map[string]string `json:"settings,omitempty"`
}

// Freeze is a time in which nothing is switched, and into which no watch reaches.
type Freeze struct {
	// Why: the name by which people know it.
	Name string `json:"name" jsonschema:"required"`
	// When.
	During Span `json:"during" jsonschema:"required"`
	// Migrations, by name, that it does not hold back.
	Except []string `json:"except,omitempty"`
}

// StandingWaiver lets one guard pass in every migration until its end.
type StandingWaiver struct {
	// The guard.
	Code string `json:"code" jsonschema:"required"`
	// Why.
	Reason string `json:"reason" jsonschema:"required"`
	// Who answers for it.
	By string `json:"by" jsonschema:"required"`
	// Its end, with the time zone.
	Until metav1.Time `json:"until" jsonschema:"required"`
}
