package migration

import "slices"

// Fix declares that the release to be moved mends what fails on the machine, and
// names the staging drill that proves it on the image. Until that proof the item
// is owed, not passed.
type Fix struct {
	Code  Code         `json:"code"`
	Drill StagingDrill `json:"drill"`
	How   string       `json:"how"` // what was changed
}

// StagingDrill is an experiment that step stage makes on the image.
type StagingDrill string

// The staging drills.
const (
	DrillRoundTrip StagingDrill = "round-trip"     // the mounted configuration is the machine's
	DrillLogs      StagingDrill = "logs-stdout"    // the log comes out of the container, and no file grows
	DrillReplace   StagingDrill = "pod-replaced"   // a pod is replaced and nothing is lost
	DrillSession   StagingDrill = "session-replay" // a session holds on another pod
	DrillTruth     StagingDrill = "health-truth"   // the health endpoints turn with what they tell of
	DrillDrain     StagingDrill = "drain-load"     // pods are deleted under load and no request fails
	DrillReadOnly  StagingDrill = "read-only-root" // nothing is written to the image's file system
	DrillDial      StagingDrill = "peers-dialled"  // every peer can be reached from a pod
)

// proves says which drills can prove a fix of which item.
var proves = map[Code][]StagingDrill{
	CodeConfigEnv:  {DrillRoundTrip},
	CodeLogsStdout: {DrillLogs},
	CodeStateDisk:  {DrillReplace, DrillSession, DrillReadOnly},
	CodeHealth:     {DrillTruth},
	CodeSIGTERM:    {DrillDrain},
	CodeConfigRO:   {DrillReadOnly},
	CodeEgress:     {DrillDial},
}

// Provable are the drills that can prove a fix of c; none for an item that only
// a person can let pass.
func (c Code) Provable() []StagingDrill { return slices.Clone(proves[c]) }

// Schedule says who runs a timer or cron job of the machine after the switch, so
// that nothing runs twice.
type Schedule struct {
	Name  string        `json:"name"` // as the probe names it: unit, or file and line
	Owner ScheduleOwner `json:"owner"`
	// When, in the five fields of crontab(5), and Command are what a CronJob runs in
	// the image of Workload. Empty ones are taken from facts where they tell.
	When     string   `json:"when,omitempty"`
	TimeZone string   `json:"timeZone,omitempty"`
	Command  []string `json:"command,omitempty"`
	Workload string   `json:"workload,omitempty"`
}

// ScheduleOwner is the one side that runs a schedule.
type ScheduleOwner string

// The owners of a schedule. With OwnerNobody it is given up.
const (
	OwnerMachine ScheduleOwner = "machine"
	OwnerCluster ScheduleOwner = "cluster"
	OwnerNobody  ScheduleOwner = "nobody"
)

// BaseFacts are what an image stands on. From is the base of its last stage, as
// the Dockerfile or the image's label names it; Approved the approved base whose
// layers it begins with, where that is how it was recognised.
type BaseFacts struct {
	Workload string   `json:"workload"`
	From     string   `json:"from,omitempty"`
	Approved string   `json:"approved,omitempty"`
	By       string   `json:"by,omitempty"` // dockerfile, label, layers
	Source   string   `json:"source,omitempty"`
	User     string   `json:"user,omitempty"` // that it runs as; "" is root
	Stages   []string `json:"stages,omitempty"`
}
