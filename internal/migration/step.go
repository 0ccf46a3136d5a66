package migration

// Step is one row of the procedure.
type Step string

// The eighteen forward steps, in the procedure's order.
const (
	StepAssess      Step = "assess"
	StepContainer   Step = "containerise"
	StepConvert     Step = "convert"
	StepStage       Step = "stage"
	StepRehearse    Step = "rehearse"
	StepDeploy      Step = "deploy"
	StepSmoke       Step = "smoke"
	StepExpose      Step = "expose"
	StepLowerTTL    Step = "lower-ttl"
	StepLead        Step = "lead"
	StepBaseline    Step = "baseline"
	StepGo          Step = "go"
	StepSwitch      Step = "switch"
	StepWatch       Step = "watch"
	StepValidate    Step = "validate"
	StepTicket      Step = "ticket"
	StepHold        Step = "hold"
	StepRetire      Step = "retire"
	StepReturnPath  Step = "return-path"
	StepDNSBack     Step = "dns-back"
	StepDrain       Step = "drain"
	StepSaveLogs    Step = "save-logs"
	StepScaleDown   Step = "scale-down"
	StepVerifyBack  Step = "verify-back"
	StepUndoDNS     Step = "undo-dns"
	StepUndoExpose  Step = "undo-expose"
	StepUndoDeploy  Step = "undo-deploy"
	StepUndoStaging Step = "undo-staging"
)

// Forward is the procedure in order.
var Forward = []Step{
	StepAssess, StepContainer, StepConvert, StepStage, StepRehearse, StepDeploy, StepSmoke, StepExpose,
	StepLowerTTL, StepLead, StepBaseline, StepGo, StepSwitch, StepWatch, StepValidate, StepTicket, StepHold, StepRetire,
}

// Back is the rollback in order.
var Back = []Step{StepReturnPath, StepDNSBack, StepDrain, StepSaveLogs, StepScaleDown, StepVerifyBack}

// Undo is what abort does, in order.
var Undo = []Step{StepUndoDNS, StepUndoExpose, StepUndoDeploy, StepUndoStaging}

// Index is the position of a forward step, from 1; 0 for any other.
func (s Step) Index() int {
	for i, f := range Forward {
		if f == s {
			return i + 1
		}
	}
	return 0
}

// Before says whether s comes before t in the forward procedure.
func (s Step) Before(t Step) bool { return s.Index() > 0 && s.Index() < t.Index() }

// Mode is the direction in which an attempt moves, or how it ended.
type Mode string

// Forward, back and undo move; the others are ends of an attempt or of the move.
const (
	ModeForward    Mode = "forward"
	ModeRollback   Mode = "rolling-back"
	ModeRolledBack Mode = "rolled-back"
	ModeAborting   Mode = "aborting"
	ModeAborted    Mode = "aborted"
	ModeRetired    Mode = "retired"
)

// Position is where a migration stands.
type Position struct {
	Attempt int  `json:"attempt"`
	Mode    Mode `json:"mode"`
	Step    Step `json:"step"`
}
