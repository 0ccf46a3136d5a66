package readiness

import "rehome.dev/rehome/internal/migration"

// Weight is what a finding that does not pass means for the move.
type Weight int

// A finding blocks where it fails and where nobody could see it; blocks only
// where it was seen to fail; or advises, and never blocks.
const (
	Blocks Weight = iota
	BlocksSeen
	Advises
)

var weightNames = [...]string{"blocks", "blocks when seen", "advises"}

// String is the weight for people.
func (w Weight) String() string { return weightNames[w] }

// rule is one item: its guard, what it demands, and what it means. Exactly one
// of machine and whole is set.
type rule struct {
	code     migration.Code
	title    string
	required string
	weight   Weight
	why      string // why it has that weight
	machine  func(look, machine) opinion
	whole    func(look) opinion
	command  func(machine) string // where the guard knows no better one
	remedy   string
	timeless bool // it does not rest on the facts of machines
	turn     turn
	effort   Effort
}

const (
	whyRunbook = "the runbook's checklist demands it"
	whyLoses   = "data or work would be lost, or done twice"
	whyNoPod   = "it cannot work so in a pod"
	whyStaging = "the move can go on: staging shows whether it matters"
)

// rules are all items, in the order in which they are printed: the runbook's
// nine, then what costs data, then what cannot work in a pod, then advice.
func rules() []rule { return append(append(checklist(), hazards()...), hindrances()...) }

// checklist are the runbook's nine items.
func checklist() []rule {
	return []rule{
		{code: migration.CodeConfigEnv, title: "Configuration comes from outside", required: "configuration from environment variables, arguments or files that are only read",
			weight: Blocks, why: whyRunbook, machine: configFromOutside, command: showVariables,
			remedy: "read settings from the environment or from a mounted file, the same on every machine; then declare a fix proved by " + string(migration.DrillRoundTrip), turn: turnCode, effort: EffortChange},
		{code: migration.CodeLogsStdout, title: "Logs go to stdout", required: "every log on stdout, stderr or the journal",
			weight: Blocks, why: whyRunbook, machine: logsToStdout, command: showDescriptors,
			remedy: "log to stdout and stderr; then declare a fix proved by " + string(migration.DrillLogs), turn: turnCode, effort: EffortPackage},
		{code: migration.CodeStateDisk, title: "No state on the local disk", required: "no session and no other state in local files",
			weight: Blocks, why: whyRunbook, machine: stateOffDisk, command: showDescriptors,
			remedy: "keep sessions and state in a store that all pods reach; then declare a fix proved by " + string(migration.DrillReplace) + " or " + string(migration.DrillSession), turn: turnState, effort: EffortChange},
		{code: migration.CodeHealth, title: "A health endpoint answers", required: "/healthz, /readyz or the declared path answers 200",
			weight: Blocks, why: whyRunbook, machine: healthEndpoint, command: showListeners,
			remedy: "serve /readyz, 200 only while it can serve; then declare a fix proved by " + string(migration.DrillTruth), turn: turnCode, effort: EffortChange},
		{code: migration.CodeSIGTERM, title: "SIGTERM drains", required: "every request in flight at SIGTERM is answered, and the process ends in time",
			weight: Blocks, why: whyRunbook, machine: drains, command: showSignals, turn: turnCode, effort: EffortChange},
		{code: migration.CodeSecrets, title: "Secrets are known and moved", required: "every secret located, and a Secret declared for them",
			weight: Blocks, why: whyRunbook, machine: secretsMoved, command: showVariables,
			remedy: "put them into a Secret or Vault, and mount it in the workload", turn: turnPackage, effort: EffortPackage},
		{code: migration.CodeData, title: "Persistent data is outside", required: "persistent data in a store outside the machine, or declared shared by name",
			weight: Blocks, why: whyRunbook, machine: dataOutside, command: showPeers,
			remedy: "move it to a store outside the machine that both sides reach, and name it in data.stores with data.shared", turn: turnState, effort: EffortPackage},
		{code: migration.CodeResources, title: "Resources are profiled under load", required: "CPU and memory measured under a load that was reached, and at least that declared",
			weight: Blocks, why: whyRunbook, whole: profiled, turn: turnPackage, effort: EffortConfigure},
		{code: migration.CodeBaseImage, title: "The base image is approved", required: "an image on an approved base, not from Docker Hub",
			weight: Blocks, why: whyRunbook, whole: approvedBase, timeless: true, turn: turnPackage, effort: EffortPackage},
	}
}

// hazards would lose data or do work twice, and the evidence itself.
func hazards() []rule {
	return []rule{
		{code: migration.CodeSplitWrites, title: "Both sides write to one store", required: "every store that is used is declared shared by both sides",
			weight: Blocks, why: whyLoses, machine: oneStore, command: showPeers,
			remedy: "let both sides use the same stores, and name them in data.stores with data.shared", turn: turnState, effort: EffortConfigure},
		{code: migration.CodeCronTwice, title: "Schedules have one owner", required: "every timer and job of the application has one owner in schedules",
			weight: Blocks, why: whyLoses, machine: oneOwner, command: showSchedules,
			remedy: "declare in schedules who runs each: machine, cluster or nobody", turn: turnState, effort: EffortConfigure},
		{code: migration.CodeConfigDrift, title: "The machines are configured alike", required: "the same configuration on all machines",
			weight: Blocks, why: "one of them is right, and nobody knows which", whole: drift, turn: turnState, effort: EffortConfigure},
		{code: migration.CodeConfigRO, title: "Configuration is only read", required: "nothing is written below the configuration directories",
			weight: Blocks, why: whyNoPod, machine: configReadOnly, command: showDirectories,
			remedy: "write elsewhere; then declare a fix proved by " + string(migration.DrillReadOnly), turn: turnCode, effort: EffortChange},
		{code: migration.CodeSticky, title: "Any instance can answer", required: "no proxy that keeps clients on one instance",
			weight: BlocksSeen, why: "sessions would be lost at every second request", machine: stickyElsewhere, command: showProxies,
			remedy: "keep sessions where all pods find them; a fix of STATE-DISK proved by " + string(migration.DrillSession) + " covers this too", turn: turnState, effort: EffortChange},
		{code: migration.CodeStale, title: "The facts are fresh and complete", required: "facts of every declared machine, not older than the policy allows",
			weight: Blocks, why: "what was true last month is not known today", whole: fresh, timeless: true, turn: turnLook, effort: EffortConfigure},
	}
}

// hindrances cannot work in a pod, or may not.
func hindrances() []rule {
	return []rule{
		{code: migration.CodeEgress, title: "What it dials can be reached", required: "it dials nothing on its own machine, and all else can be reached from a pod",
			weight: Blocks, why: whyNoPod, machine: reaches, command: showPeers, turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodeListenLocal, title: "Its ports can be reached", required: "it listens on all addresses",
			weight: BlocksSeen, why: whyNoPod, machine: listensForAll, command: showListeners, turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodePeerAddress, title: "Instances find each other", required: "instances do not dial each other at the machines' addresses",
			weight: BlocksSeen, why: whyNoPod, machine: peerAddress, command: showPeers,
			remedy: "let them find each other by the name of a headless Service", turn: turnNetwork, effort: EffortPackage},
		{code: migration.CodeHostsFile, title: "/etc/hosts is not needed", required: "no entry of /etc/hosts is used",
			weight: BlocksSeen, why: whyNoPod, machine: hostsFile, command: showHosts,
			remedy: "publish the names in DNS", turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodeMulticast, title: "No multicast", required: "it is in no multicast group",
			weight: BlocksSeen, why: whyNoPod, machine: multicast, command: showGroups,
			remedy: "use discovery by DNS or a store instead", turn: turnFirst, effort: EffortRedesign},
		{code: migration.CodeNetworkFS, title: "No network file system", required: "no file of it on NFS, CIFS or the like",
			weight: BlocksSeen, why: whyLoses, machine: networkFiles, command: showMounts,
			remedy: "use an object store, or a volume that many pods may write to and that is prepared by hand", turn: turnFirst, effort: EffortPackage},
		{code: migration.CodeBlockDevice, title: "No disk of its own", required: "no raw device, and no disk without declared storage",
			weight: BlocksSeen, why: whyLoses, machine: blockDevice, command: showMounts,
			remedy: "declare storage for the path, or keep the data outside", turn: turnFirst, effort: EffortPackage},
		{code: migration.CodeLicence, title: "No licence of this machine", required: "no licence tied to a card, a host name or a dongle",
			weight: BlocksSeen, why: whyNoPod, machine: licence, command: showCards,
			remedy: "ask the vendor for a licence that is not tied to a machine", turn: turnFirst, effort: EffortRedesign},
		{code: migration.CodeSharedMemory, title: "No memory shared with others", required: "no memory shared with another application",
			weight: BlocksSeen, why: whyNoPod, machine: sharedMemory, command: showShared,
			remedy: "put both into one pod, or talk over the network", turn: turnFirst, effort: EffortRedesign},
		{code: migration.CodeLocalMail, title: "No mail server next door", required: "no mail through the machine's own server",
			weight: BlocksSeen, why: whyLoses, machine: localMail, command: showPeers, turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodeCapabilities, title: "No special rights", required: "no capability beyond those of any process",
			weight: BlocksSeen, why: "pods are made without any", machine: capabilities, command: showRights,
			remedy: "do without the right, or agree on an exception with who runs the cluster", turn: turnFirst, effort: EffortPackage},
		{code: migration.CodeProbes, title: "Probes fit the start", required: "startup time declared not below the measured one, and liveness apart from readiness",
			weight: BlocksSeen, why: "a slow start would become a loop of restarts", machine: probesApart, command: showBoot,
			remedy: "declare another livenessPath than the readinessPath, or none", turn: turnPackage, effort: EffortConfigure},
		{code: migration.CodeHardAddress, title: "No addresses in the configuration", required: "names instead of addresses in the configuration",
			weight: Advises, why: whyStaging, machine: hardAddress, command: showDirectories,
			remedy: "use names, so that the next move needs no edit", turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodeMultiHomed, title: "One address", required: "one card with one address",
			weight: Advises, why: whyStaging, machine: multiHomed, command: showCards,
			remedy: "find out what uses the other addresses: a pod has one", turn: turnNetwork, effort: EffortConfigure},
		{code: migration.CodePrivileged, title: "No port below 1024", required: "listeners above 1023",
			weight: Advises, why: whyStaging, machine: lowPort, command: showListeners, turn: turnPackage, effort: EffortConfigure},
		{code: migration.CodeRoot, title: "Not as root", required: "no process runs as root",
			weight: Advises, why: "the image has a user of its own, and is judged by that", machine: asRoot, command: showRights, turn: turnPackage, effort: EffortPackage},
		{code: migration.CodeKernel, title: "No kernel settings of its own", required: "no sysctl, module or huge page of this machine",
			weight: Advises, why: whyStaging, machine: kernelSettings, command: showSysctls,
			remedy: "find out which are needed, and agree on them with who runs the nodes", turn: turnPackage, effort: EffortConfigure},
		{code: migration.CodeSharedVM, title: "Alone on its machine", required: "nothing else on the machine",
			weight: Advises, why: "only this application's ports, files and peers were judged; the machine stays for the others", machine: sharedMachine, command: showUnits,
			remedy: "retire the machine only when the others have left, too", turn: turnPackage, effort: EffortConfigure},
	}
}

// Item describes what is judged, for documents.
type Item struct {
	Code     migration.Code
	Title    string
	Required string
	Weight   Weight
	Why      string // of the weight
	Runbook  bool   // one of the runbook's nine
	Drills   []migration.StagingDrill
}

// Items are all that Judge answers for, in its order.
func Items() []Item {
	nine := len(checklist())
	var out []Item
	for i, r := range rules() {
		out = append(out, Item{Code: r.code, Title: r.title, Required: r.required, Weight: r.weight, Why: r.why, Runbook: i < nine, Drills: r.code.Provable()})
	}
	return out
}

// Titles names each code that Judge answers for.
func Titles() map[migration.Code]string {
	out := map[migration.Code]string{}
	for _, r := range rules() {
		out[r.code] = r.title
	}
	return out
}
