package readiness

import (
	"slices"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// rests says on which subjects each item rests: a gap in one of them leaves it
// unknown, and a gap in any other leaves it alone.
var rests = map[migration.Code][]inventory.Subject{
	migration.CodeConfigEnv:    {inventory.SubjectEnvironment, inventory.SubjectFiles, inventory.SubjectTrees, inventory.SubjectProcesses},
	migration.CodeLogsStdout:   {inventory.SubjectLogs, inventory.SubjectFiles},
	migration.CodeStateDisk:    {inventory.SubjectFiles, inventory.SubjectMounts},
	migration.CodeHealth:       {inventory.SubjectHealth, inventory.SubjectListeners},
	migration.CodeSIGTERM:      {inventory.SubjectProcesses},
	migration.CodeSecrets:      {inventory.SubjectSecrets, inventory.SubjectEnvironment, inventory.SubjectProcesses},
	migration.CodeData:         {inventory.SubjectFiles, inventory.SubjectMounts, inventory.SubjectPeers, inventory.SubjectSockets},
	migration.CodeResources:    nil, // its load was measured or was not
	migration.CodeBaseImage:    nil, // it is about the image
	migration.CodeSplitWrites:  {inventory.SubjectPeers, inventory.SubjectSockets},
	migration.CodeCronTwice:    {inventory.SubjectSchedules},
	migration.CodeConfigDrift:  nil, // one machine cannot differ
	migration.CodeConfigRO:     {inventory.SubjectFiles},
	migration.CodeSticky:       {inventory.SubjectProxies},
	migration.CodeStale:        nil, // it is about their time
	migration.CodeEgress:       {inventory.SubjectPeers, inventory.SubjectListeners, inventory.SubjectSockets},
	migration.CodeListenLocal:  {inventory.SubjectListeners},
	migration.CodePeerAddress:  {inventory.SubjectPeers},
	migration.CodeHostsFile:    {inventory.SubjectInterfaces, inventory.SubjectPeers},
	migration.CodeMulticast:    {inventory.SubjectListeners, inventory.SubjectInterfaces},
	migration.CodeNetworkFS:    {inventory.SubjectMounts, inventory.SubjectFiles},
	migration.CodeBlockDevice:  {inventory.SubjectMounts, inventory.SubjectFiles},
	migration.CodeLicence:      {inventory.SubjectKernel, inventory.SubjectFiles},
	migration.CodeSharedMemory: {inventory.SubjectShared},
	migration.CodeLocalMail:    {inventory.SubjectPeers, inventory.SubjectProcesses},
	migration.CodeCapabilities: {inventory.SubjectProcesses},
	migration.CodeProbes:       {inventory.SubjectProcesses},
	migration.CodeHardAddress:  {inventory.SubjectAddresses, inventory.SubjectTrees},
	migration.CodeMultiHomed:   {inventory.SubjectInterfaces},
	migration.CodePrivileged:   {inventory.SubjectListeners},
	migration.CodeRoot:         {inventory.SubjectProcesses},
	migration.CodeKernel:       {inventory.SubjectKernel},
	migration.CodeSharedVM:     {inventory.SubjectKernel},
}

func TestEveryGapIsFelt(t *testing.T) {
	t.Parallel()
	if len(rests) != len(Items()) {
		t.Errorf("%d items here, %d are judged", len(rests), len(Items()))
	}
	for _, s := range everySubject {
		f := good()
		f.Peers, f.Stores = nil, nil // so that EGRESS passes, too
		f.Gaps = []inventory.Gap{{Subject: s, Why: "permission denied"}}
		for _, g := range Judge(input(f)).Findings {
			want := pass
			if slices.Contains(rests[g.Code], s) {
				want = unknown
			}
			if g.Verdict != want {
				t.Errorf("with a gap in the %s %s is %s: %s", s, g.Code, g.Verdict, g.Observed)
			}
		}
	}
}

// timed are the items for which nothing seen counts only after a while.
var timed = []migration.Code{migration.CodeLogsStdout, migration.CodeStateDisk, migration.CodeData, migration.CodeSplitWrites, migration.CodeConfigRO,
	migration.CodeEgress, migration.CodePeerAddress, migration.CodeLocalMail}

func TestAGlancePassesNothingThatTakesTime(t *testing.T) {
	t.Parallel()
	f := good()
	f.Peers, f.Stores = nil, nil
	glance(&f)
	for _, g := range Judge(input(f)).Findings {
		want := pass
		if slices.Contains(timed, g.Code) {
			want = unknown
		}
		if g.Verdict != want {
			t.Errorf("after one sample %s is %s: %s", g.Code, g.Verdict, g.Observed)
		}
	}
}
