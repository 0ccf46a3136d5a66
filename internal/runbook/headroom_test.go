package runbook

import (
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func TestRoomFor(t *testing.T) {
	quota := func(q ...migration.QuotaFacts) func(*play) {
		return production(func(c *migration.ClusterFacts) { c.Quotas = q })
	}
	fits := migration.QuotaFacts{Quota: "bank", Resource: "pods", Hard: "5", Used: "1", Need: "3", Left: "4"}
	small := migration.QuotaFacts{Quota: "bank", Resource: "pods", Hard: "3", Used: "1", Need: "3", Left: "2", Lacks: "quota bank leaves 2 of pods, and 3 are needed at the most"}
	some := migration.QuotaFacts{Quota: "besteffort", Resource: "pods", Hard: "0", Used: "0"}
	at := migration.StepDeploy
	checkGuard(t, roomFor(migration.Production), []guardCase{
		{name: "no quota", step: at, want: "pass"},
		{name: "room for a rolling update", step: at, vary: quota(fits), want: "pass"},
		{name: "no room for its surge", step: at, vary: quota(fits, small), want: "fail, blocks"},
		{name: "everything is there", step: migration.StepSmoke, vary: quota(small), want: "pass"},
		{name: "unseen", step: at, vary: unseenCluster, want: "unknown, watches"},
		{name: "cannot see: a quota of some pods only", step: at, vary: quota(some), want: "pass"},
	})
}
