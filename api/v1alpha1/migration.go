package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Migration declares the move of one application from virtual machines to
// Kubernetes. It is declared once; what happened to it stands in the journal.
type Migration struct {
	metav1.TypeMeta `json:",inline"`

	// Name of the migration, by which every command calls it.
	metav1.ObjectMeta `json:"metadata" jsonschema:"required"`
	// What moves, from where, to where, and by which evidence it is judged.
	Spec MigrationSpec `json:"spec" jsonschema:"required"`
}

// MigrationSpec is what moves, from where, to where, and by which evidence it
// is judged. It never holds a secret, only references to where one is kept.
type MigrationSpec struct {
	// File of the policy, relative to this file. The command line's --policy
	// goes before it; without either the default policy holds.
	Policy string `json:"policy,omitempty"`
	// Every DNS name that leads to the application, in every view.
	Names []Name `json:"names" jsonschema:"required,minItems=1"`
	// A record of its own on which the switch and the rollback are rehearsed for
	// real. Omitted parts are those of the first name.
	Rehearsal *RehearsalName `json:"rehearsal,omitempty"`
	// What the names lead to today.
	OldEntry OldEntry `json:"oldEntry" jsonschema:"required"`
	// How forwarders in the cluster speak to the old entry when clients are led back.
	ReturnPath ReturnPath `json:"returnPath,omitzero"`
	// The machines that run the application today.
	VMs []VM `json:"vms" jsonschema:"required,minItems=1"`
	// The sets of pods that replace the processes on the machines.
	Workloads []Workload `json:"workloads" jsonschema:"required,minItems=1"`
	// Where the application goes.
	Target Target `json:"target" jsonschema:"required"`
	// How the traffic moves: by a change of DNS records, or by stopping here and
	// starting there (handover, which the plan refuses until it is built).
	Cutover string `json:"cutover,omitempty" jsonschema:"enum=dns,enum=handover,default=dns"`
	// Who applies the workload: rehome, or someone else (GitOps, Helm) whom rehome
	// only watches.
	Delivery string `json:"delivery,omitempty" jsonschema:"enum=rehome,enum=external,default=rehome"`
	// Where both sides are measured.
	Metrics Metrics `json:"metrics" jsonschema:"required"`
	// What is run against the pods, and after the switch against the production
	// endpoint.
	Smoke Smoke `json:"smoke" jsonschema:"required"`
	// Which stores the sides talk to.
	Data Data `json:"data" jsonschema:"required"`
	// The times in which the switch may be made; none means at any time.
	Windows []Span `json:"windows,omitempty"`
	// How many people must say yes before the switch.
	Approvals Approvals `json:"approvals,omitzero"`
	// What the release to be moved mends of what fails on the machines. A declared
	// fix lets the assessment go on; it is owed until its drill has proven it.
	Fixes []Fix `json:"fixes,omitempty"`
	// Who runs each timer and cron job of the machines after the switch, so that
	// none runs twice.
	Schedules []Schedule `json:"schedules,omitempty"`
	// The experiments that step stage makes in staging: what it needs for them, and
	// which do not apply.
	Drills Drills `json:"drills,omitzero"`
}

// Fix says that the release to be moved mends an item of the containerisation
// checklist that fails on the machines.
type Fix struct {
	// The item, as the assessment names it.
	Code string `json:"code" jsonschema:"required"`
	// The drill in staging that proves it on the image. Which one can prove which
	// item is fixed.
	Drill string `json:"drill" jsonschema:"required,enum=round-trip,enum=logs-stdout,enum=pod-replaced,enum=session-replay,enum=health-truth,enum=drain-load,enum=read-only-root,enum=peers-dialled"`
	// What was changed, for people.
	How string `json:"how" jsonschema:"required"`
}

// Schedule is one timer or cron job of the machines.
type Schedule struct {
	// Its name as the probe gives it: the unit, or the file and line.
	Name string `json:"name" jsonschema:"required"`
	// Who runs it after the switch; with nobody it is given up.
	Owner string `json:"owner" jsonschema:"required,enum=machine,enum=cluster,enum=nobody"`
	// When the cluster runs it, in the five fields of a crontab; omitted, as the
	// facts say.
	When string `json:"when,omitempty"`
	// The time zone in which that is meant.
	TimeZone string `json:"timeZone,omitempty" jsonschema:"default=Etc/UTC"`
	// The program and its arguments that the cluster runs; omitted, as the facts say.
	Command []string `json:"command,omitempty"`
	// The workload whose image, configuration and environment it gets; may be left
	// out where there is only one.
	Workload string `json:"workload,omitempty"`
}

// Name is one DNS name that leads to the application, in one view of one zone.
type Name struct {
	// The name; the trailing dot may be left out.
	Name string `json:"name" jsonschema:"required"`
	// The zone that holds it; the trailing dot may be left out.
	Zone string `json:"zone" jsonschema:"required"`
	// The view of a split horizon, where there is more than one.
	View string `json:"view,omitempty"`
	// Name of a DNS provider in the policy.
	Provider string `json:"provider" jsonschema:"required"`
	// The workload to which the name will lead; may be left out where there is
	// only one.
	Workload string `json:"workload,omitempty"`
}

// RehearsalName is the record of the rehearsal. It must be none of the names.
type RehearsalName struct {
	// The name; the trailing dot may be left out.
	Name string `json:"name" jsonschema:"required"`
	// The zone that holds it; omitted, that of the first name.
	Zone string `json:"zone,omitempty"`
	// The view; omitted, that of the first name.
	View string `json:"view,omitempty"`
	// Name of a DNS provider in the policy; omitted, that of the first name.
	Provider string `json:"provider,omitempty"`
	// The workload; omitted, that of the first name.
	Workload string `json:"workload,omitempty"`
}

// ReturnPath is how forwarders in the cluster speak to the old entry.
type ReturnPath struct {
	// tcp hands on bytes as they come, TLS and its server name too; http adds
	// X-Forwarded-For; tls and https wrap the same into TLS.
	Scheme string `json:"scheme,omitempty" jsonschema:"enum=tcp,enum=tls,enum=http,enum=https,default=tcp"`
	// With tls and https, the name that is sent and verified; omitted, each address
	// itself.
	ServerName string `json:"serverName,omitempty"`
	// With tls and https, the ConfigMap in both namespaces whose ca.crt is trusted.
	CAConfigMap string `json:"caConfigMap,omitempty"`
	// With tcp and tls, the version of the PROXY protocol that tells the old entry the
	// client's address.
	ProxyProtocol string `json:"proxyProtocol,omitempty" jsonschema:"enum=v1,enum=v2"`
}

// OldEntry is what the names lead to before the switch: a balancer or the
// machines themselves.
type OldEntry struct {
	// Addresses, or host names where the names are aliases.
	Addresses []string `json:"addresses" jsonschema:"required,minItems=1"`
	// The port that clients use.
	Port int `json:"port" jsonschema:"required,minimum=1,maximum=65535"`
	// The path that rehome's own probes ask for, on both sides.
	ProbePath string `json:"probePath" jsonschema:"required"`
}

// VM is one machine that runs the application today.
type VM struct {
	// How the machine is reached: host name or address.
	Host string `json:"host" jsonschema:"required"`
	// The systemd unit of the application; unit or port must be given.
	Unit string `json:"unit,omitempty"`
	// The port on which the application listens; unit or port must be given.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// Directories that hold its configuration.
	ConfigDirs []string `json:"configDirs,omitempty"`
	// How facts are taken there: ssh://user@host:port, or local for the machine on
	// which rehome runs. Omitted, ssh to the host.
	Reach string `json:"reach,omitempty"`
}

// Target is where the application goes.
type Target struct {
	// Name of a cluster in the policy.
	Cluster string `json:"cluster" jsonschema:"required"`
	// The production namespace.
	Namespace string `json:"namespace" jsonschema:"required"`
	// The namespace of the drills; omitted, the production namespace with
	// -staging behind it.
	StagingNamespace string `json:"stagingNamespace,omitempty"`
	// How the cluster lets traffic in. The plan refuses Ingress and Gateway until
	// they are built.
	Exposure string `json:"exposure,omitempty" jsonschema:"enum=LoadBalancer,enum=Ingress,enum=Gateway,default=LoadBalancer"`
	// Local lets each node lead only to its own pods, which keeps the client's address;
	// a forwarder of the return path then stands on every node.
	ExternalTrafficPolicy string `json:"externalTrafficPolicy,omitempty" jsonschema:"enum=Cluster,enum=Local,default=Cluster"`
	// How an Ingress is made.
	Ingress Ingress `json:"ingress,omitzero"`
	// The Gateway that leads to the application.
	Gateway *Gateway `json:"gateway,omitempty"`
}

// Span is a time from one moment to another.
type Span struct {
	// Start, with its offset: 2026-08-14T22:00:00+02:00; or what the clocks of
	// timeZone show: 2026-08-14 22:00.
	From string `json:"from" jsonschema:"required"`
	// End, likewise.
	To string `json:"to" jsonschema:"required"`
	// The time zone of ends without an offset, by its IANA name: Europe/Berlin. A
	// moment that its clocks show twice, or never, is refused.
	TimeZone string `json:"timeZone,omitempty"`
}

// Approvals says how many of whom must approve the switch.
type Approvals struct {
	// How many people; 0 asks nobody.
	Required *int `json:"required,omitempty" jsonschema:"minimum=0,maximum=100,default=1"`
	// Who may approve; omitted, anybody.
	From []string `json:"from,omitempty"`
}
