// Package clustertest is the one suite that every cluster behind the engine's
// port passes: the model in memory and the real Kubernetes. Because both pass
// it, a simulation can be believed.
//
// It knows a cluster only by the port. What the port cannot do — another
// manager's interference, a crash, the passing of time — it asks of a World.
package clustertest

import (
	"context"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// Cluster is the port, as the engine declares it.
type Cluster interface {
	Observe(ctx context.Context, spec migration.Spec, env migration.Env) (migration.ClusterFacts, error)
	Apply(ctx context.Context, spec migration.Spec, a migration.Apply) (migration.Outcome, error)
	Remove(ctx context.Context, spec migration.Spec, a migration.Remove) (migration.Outcome, error)
	Scale(ctx context.Context, spec migration.Spec, a migration.Scale) (migration.Outcome, error)
	Turn(ctx context.Context, spec migration.Spec, a migration.TurnReturnPath) (migration.Outcome, error)
	Forward(ctx context.Context, spec migration.Spec, env migration.Env, workload string) (url string, closed func(), err error)
	Logs(ctx context.Context, spec migration.Spec, env migration.Env, workload string, lines int64) (map[string][]byte, error)
}

// Fixture is a cluster with two empty namespaces and a spec for them. The spec
// has one workload of two replicas, no mounts, one port, and an image that runs; its
// old entry answers, and the image of its forwarders runs too.
type Fixture struct {
	Cluster Cluster
	World   World
	Spec    migration.Spec
}

// World does to the cluster what the port cannot. It fails the test where it
// cannot do what it is asked for.
type World interface {
	// Pass lets some time go by, a second at most.
	Pass(t *testing.T)
	// Unready changes a workload so that its pods start and never become ready.
	Unready(w *migration.Workload)
	// Other changes a workload so that its pods must be replaced.
	Other(w *migration.Workload)
	// AddConfig makes a ConfigMap or a Secret.
	AddConfig(t *testing.T, namespace, kind, name string)
	// Seize makes, as manager, the object that the part of w would be.
	Seize(t *testing.T, namespace string, part migration.Part, w migration.Workload, manager string)
	// ScaleBy sets the replicas of w's object as manager.
	ScaleBy(t *testing.T, namespace string, w migration.Workload, replicas int32, manager string)
	// Stand makes, as manager, an object of a kind of manifest.Companions.
	Stand(t *testing.T, namespace, kind, name, manager string)
	// Publish lets an Ingress have an address, as its controller does.
	Publish(t *testing.T, namespace, name string)
	// Deliver makes the part of the spec's first workload be as it is rendered, as
	// manager does who delivers what is in a repository.
	Deliver(t *testing.T, spec migration.Spec, part migration.Part, manager string)
	// Route makes another Service of type LoadBalancer that leads to w's pods.
	Route(t *testing.T, namespace string, spec migration.Spec, w migration.Workload) migration.RouteFacts
	// Quota limits the pods of the namespace.
	Quota(t *testing.T, namespace string, pods int) migration.QuotaFacts
	// Volumes makes n volumes that claims of that storage can be bound to.
	Volumes(t *testing.T, s migration.Storage, n int)
	// Restart kills the container of a pod.
	Restart(t *testing.T, namespace, pod string)
	// Answers asks the URL that Forward gave, and says which pod answered, or "".
	Answers(t *testing.T, url string) string
	// Ask makes a new connection to an exposure, and says which side answers, or "".
	Ask(t *testing.T, e migration.ExposureFacts) migration.Side
	// Reselect writes, as somebody else, a selector into the workload's Service that
	// leads to neither side.
	Reselect(t *testing.T, namespace, workload string)
	// Unreachable is a cluster of the same kind to which nobody can connect.
	Unreachable(t *testing.T) Cluster
}

// tries bounds every wait: that many passes of time.
const tries = 240

const callTimeout = 30 * time.Second

// Run runs the suite; start makes a fresh fixture for each test.
func Run(t *testing.T, start func(t *testing.T) Fixture) {
	tests := []struct {
		name string
		run  func(*bench)
	}{
		{"an empty namespace is a fact", emptyNamespace},
		{"ConfigMaps and Secrets are told by their presence", configPresence},
		{"a workload rolls out without traffic", rollOut},
		{"applying again changes nothing", applyAgain},
		{"an action for another spec is refused", staleAction},
		{"a new release replaces pods only when it is ready", newRelease},
		{"a release that never gets ready is told, and why", neverReady},
		{"replicas to none and back", scaleDownAndUp},
		{"scaling what is not there", scaleMissing},
		{"removing, twice", removeTwice},
		{"an exposure gets an address", exposure},
		{"forwarders stand warm, and take no traffic", forwardersStand},
		{"one turn leads to the old side, and one back", turnsAndBack},
		{"what is somebody else's is not turned to the new side", turnForeign},
		{"removing the return path, twice", returnPathRemoved},
		{"a forwarder on every node that leads to its own pods", onEveryNode},
		{"an Ingress leads there by name", ingress},
		{"another Service is a route", otherRoute},
		{"somebody else's workload is left alone", foreignWorkload},
		{"somebody else's Service is left alone", foreignService},
		{"another migration's objects are left alone", otherMigration},
		{"somebody else's replicas are not fought over", foreignReplicas},
		{"what others deliver is compared and never written", delivered},
		{"what stands beside a workload comes and goes with it", besideWorkload},
		{"what is declared no more is removed", besideNoMore},
		{"the number that a scaler has set is left to it", scalersNumber},
		{"somebody else's account is used", foreignAccount},
		{"somebody else's budget is left alone", foreignBudget},
		{"a Deployment is not replaced by a StatefulSet", otherKind},
		{"a restart is counted", restart},
		{"claims and volumes", claims},
		{"quotas", quotas},
		{"a port-forward reaches a ready pod", forward},
		{"logs end with the last lines", logs},
		{"a cluster that cannot be reached", unreachable},
		{"a context that has ended", endedContext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(&bench{T: t, Fixture: start(t)})
		})
	}
}
