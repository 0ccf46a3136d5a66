package manifest

import (
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// What Istio reads on a pod (istio.io, "Resource Labels", "Resource Annotations").
const (
	istioInject = "sidecar.istio.io/inject"
	istioConfig = "proxy.istio.io/config"
)

// joinMesh makes a pod part of the policy's mesh. The application begins when the
// proxy can carry its requests, and the proxy goes on as long as the application
// may take to drain.
func joinMesh(spec migration.Spec, w migration.Workload, meta object) {
	if spec.Target.Mesh != migration.MeshIstio {
		return
	}
	meta["labels"].(object)[istioInject] = "true"
	meta["annotations"] = object{istioConfig: fmt.Sprintf("holdApplicationUntilProxyStarts: true\nterminationDrainDuration: %ds\n", grace(w))}
}

// leaveMesh keeps the proxy out of a job, which would not end before it.
func leaveMesh(spec migration.Spec, meta object) {
	if spec.Target.Mesh == migration.MeshIstio {
		meta["labels"].(object)[istioInject] = "false"
	}
}
