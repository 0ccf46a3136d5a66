// Package cluster observes and changes one Kubernetes cluster: it applies a
// workload and its exposure, scales, removes, forwards a port, reads logs, and
// tells what stands in a migration's namespaces.
//
// It writes only what it made itself, as the field manager "rehome", and never
// forces a field from another manager. It reads no Secret's data, but for the
// experiments of a Bench. What is decided from the facts, and when, it must not know.
package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Type is that of a policy's connection to a cluster.
const Type = "kubernetes"

// FieldManager is as whom the cluster's objects are written.
const FieldManager = "rehome"

const defaultTimeout = 10 * time.Second

// The settings of a connection, all of them optional.
const (
	settingKubeconfig = "kubeconfig" // file; otherwise KUBECONFIG, ~/.kube/config or the pod's own account
	settingContext    = "context"    // of the kubeconfig; otherwise its current one
	settingTimeout    = "timeout"    // of one request, as Go writes durations
)

// Cluster is one cluster. It connects at the first call; a connection that
// could not be made is tried again at the next one. All its methods are safe
// for concurrent use.
type Cluster struct {
	name       string
	kubeconfig string
	context    string
	timeout    time.Duration

	mu   sync.Mutex
	conn *connection
}

// New reads the settings of a connection. Nothing is connected yet: a cluster
// that is away must not keep a rollback of DNS from starting.
func New(conn migration.Connection) (*Cluster, error) {
	c := &Cluster{
		name:       conn.Name,
		kubeconfig: conn.Settings[settingKubeconfig],
		context:    conn.Settings[settingContext],
		timeout:    defaultTimeout,
	}
	known := []string{settingContext, settingKubeconfig, settingTimeout}
	for k := range conn.Settings {
		if !slices.Contains(known, k) {
			return nil, fmt.Errorf("cluster %s: unknown setting %q: known are %s", conn.Name, k, strings.Join(known, ", "))
		}
	}
	if s := conn.Settings[settingTimeout]; s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("cluster %s: setting %s: %q is not a duration like 10s", conn.Name, settingTimeout, s)
		}
		c.timeout = d
	}
	return c, nil
}

// The resources that are read and written. They are listed and not discovered:
// scaling down in a rollback must not depend on every API group's health.
var (
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	services     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	pods         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	configMaps   = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets      = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	accounts     = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	budgets      = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	scalers      = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	cronJobs     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}
	limitRanges  = schema.GroupVersionResource{Version: "v1", Resource: "limitranges"}
	quotas       = schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	claims       = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	ingresses    = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	daemonSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	policies     = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	endpoints    = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// resourceOf is where objects of a kind that a manifest can hold are written.
func resourceOf(kind string) schema.GroupVersionResource {
	switch kind {
	case string(migration.KindDeployment):
		return deployments
	case string(migration.KindStatefulSet):
		return statefulSets
	case manifest.KindDaemonSet:
		return daemonSets
	case manifest.KindNetworkPolicy:
		return policies
	case manifest.KindIngress:
		return ingresses
	case manifest.KindServiceAccount:
		return accounts
	case manifest.KindDisruptionBudget:
		return budgets
	case manifest.KindAutoscaler:
		return scalers
	case migration.KindCronJob:
		return cronJobs
	}
	return services
}
