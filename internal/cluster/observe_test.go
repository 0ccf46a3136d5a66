package cluster_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func observe(t *testing.T, s *apiServer, spec migration.Spec) migration.ClusterFacts {
	t.Helper()
	f, err := connect(t, s.URL, nil).Observe(t.Context(), spec, migration.Production)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var appLabels = object{"app": "app"}

func pod(name string, spec, status object, meta object) object {
	m := object{"name": name, "namespace": "bank", "labels": appLabels, "creationTimestamp": "2026-03-01T12:00:00Z"}
	for k, v := range meta {
		m[k] = v
	}
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": m, "spec": spec, "status": status}
}

func containerStatus(name string, restarts int, imageID string, more object) object {
	s := object{"name": name, "restartCount": restarts, "imageID": imageID, "image": "x", "ready": true, "state": object{"running": object{}}}
	for k, v := range more {
		s[k] = v
	}
	return s
}

func ended(reason, at string, code int) object {
	return object{"terminated": object{"reason": reason, "finishedAt": at, "exitCode": code}}
}

// Every container of a pod counts, and the last of all restarts is the pod's.
func TestPodFacts(t *testing.T) {
	s := newAPIServer(t)
	s.add(apps+"deployments/app", ours("Deployment", "app", selecting(appLabels)))
	ready := []any{object{"type": "Ready", "status": "True"}}
	s.add(core+"pods/a", pod("a",
		object{"nodeName": "n1", "initContainers": []any{object{"name": "init"}, object{"name": "istio-proxy"}}, "containers": []any{object{"name": "app"}}},
		object{
			"phase": "Running", "startTime": "2026-03-01T12:00:01Z", "conditions": ready,
			"initContainerStatuses": []any{
				containerStatus("init", 1, "x", object{"state": ended("Completed", "2026-03-01T12:30:00Z", 0)}),
				containerStatus("istio-proxy", 2, "x", object{"lastState": ended("Error", "2026-03-01T12:20:00Z", 1)}),
			},
			"containerStatuses": []any{
				containerStatus("app", 3, "docker-pullable://registry.golemtrust.am/app@sha256:0001", object{"lastState": ended("OOMKilled", "2026-03-01T12:10:00Z", 137)}),
			},
		}, nil))
	s.add(core+"pods/b", pod("b", object{"containers": []any{object{"name": "helper"}, object{"name": "app"}}},
		object{"phase": "Running", "containerStatuses": []any{
			containerStatus("helper", 0, "registry.golemtrust.am/helper@sha256:0009", nil),
			containerStatus("app", 0, "containerd://sha256:0002", object{"state": ended("Error", "2026-03-01T12:05:00Z", 1)}),
		}}, object{"deletionTimestamp": "2026-03-01T13:00:00Z", "annotations": object{"inject.istio.io/status": "injected"}}))
	s.add(core+"pods/c", pod("c", object{}, object{"phase": "Pending", "containerStatuses": []any{containerStatus("app", 0, "sha256:0003", nil)}}, nil))
	at := func(h, m, sec int) time.Time { return time.Date(2026, 3, 1, h, m, sec, 0, time.UTC) }
	want := []migration.PodFacts{
		{Name: "a", Node: "n1", Phase: "Running", Ready: true, Restarts: 6, LastRestart: at(12, 20, 0), LastState: "Error",
			Image: "sha256:0001", Sidecar: true, Started: at(12, 0, 1)},
		{Name: "b", Phase: "Running", LastRestart: at(12, 5, 0), LastState: "Error", Image: "sha256:0002", Sidecar: true, Deleting: true},
		{Name: "c", Phase: "Pending", Image: "sha256:0003"},
	}
	got := observe(t, s, bank()).Workloads[0].Pods
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestRollout(t *testing.T) {
	condition := func(typ, status, reason, message string) object {
		return object{"type": typ, "status": status, "reason": reason, "message": message}
	}
	complete := object{
		"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
		"conditions": []any{condition("Available", "True", "", ""), condition("Progressing", "True", "NewReplicaSetAvailable", "")},
	}
	with := func(change object) object {
		out := object{}
		for k, v := range complete {
			out[k] = v
		}
		for k, v := range change {
			out[k] = v
		}
		return out
	}
	waiting := containerStatus("app", 0, "", object{"state": object{"waiting": object{
		"reason": "ImagePullBackOff", "message": "Back-off\npulling " + strings.Repeat("image ", 100)}}})
	tests := map[string]struct {
		status object
		pod    object
		done   bool
		words  []string
	}{
		"complete":         {complete, nil, true, nil},
		"not seen yet":     {with(object{"observedGeneration": 2}), nil, false, []string{"not seen by its controller"}},
		"old pods left":    {with(object{"replicas": 3}), nil, false, []string{"Pending termination: 1"}},
		"not updated":      {with(object{"updatedReplicas": 1}), nil, false, []string{"Updated: 1/2"}},
		"not available":    {with(object{"availableReplicas": 1}), nil, false, []string{"Available: 1/2"}},
		"deadline passed":  {with(object{"conditions": []any{condition("Progressing", "False", "ProgressDeadlineExceeded", "")}}), nil, false, []string{"deadline"}},
		"refused by quota": {with(object{"replicas": 1, "conditions": []any{condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: pods")}}), nil, false, []string{"Replicas: 1/2", "exceeded quota"}},
		"image missing":    {with(object{"availableReplicas": 1}), object{"phase": "Pending", "containerStatuses": []any{waiting}}, false, []string{"pod a", "ImagePullBackOff: Back-off pulling", "…"}},
		"nowhere to run": {with(object{"availableReplicas": 1}), object{"phase": "Pending", "conditions": []any{
			condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")}}, false, []string{"Unschedulable: 0/3 nodes"}},
		"only slow": {with(object{"availableReplicas": 1}), object{"containerStatuses": []any{containerStatus("app", 0, "",
			object{"state": object{"waiting": object{"reason": "ContainerCreating"}}})}}, false, []string{"Available: 1/2"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t)
			d := ours("Deployment", "app", selecting(appLabels))
			d["metadata"].(object)["generation"] = 3
			d["status"] = tt.status
			s.add(apps+"deployments/app", d)
			if tt.pod != nil {
				s.add(core+"pods/a", pod("a", object{}, tt.pod, nil))
			}
			w := observe(t, s, bank()).Workloads[0]
			if w.RolledOut != tt.done || (w.Status == "") != tt.done || len(w.Status) > 250 {
				t.Errorf("%+v", w)
			}
			for _, word := range tt.words {
				if !strings.Contains(w.Status, word) {
					t.Errorf("status %q does not say %q", w.Status, word)
				}
			}
		})
	}
}

func service(name, kind string, selector object, spec object) object {
	sp := object{"type": kind, "selector": selector, "ports": []any{object{"port": 80}}}
	for k, v := range spec {
		sp[k] = v
	}
	return object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": name, "namespace": "bank"}, "spec": sp}
}

func ingress(name string, spec object) object {
	return object{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": object{"name": name, "namespace": "bank"}, "spec": spec}
}

func to(name string) object { return object{"service": object{"name": name}} }

// Whatever leads in from outside is a route; whatever stays inside is not.
func TestRoutes(t *testing.T) {
	s := newAPIServer(t)
	s.add(apps+"deployments/app", ours("Deployment", "app", selecting(appLabels)))
	own := ours("Service", "app", object{"type": "LoadBalancer", "selector": appLabels, "ports": []any{object{"port": 80}, object{"port": 443}}})
	own["status"] = object{"loadBalancer": object{"ingress": []any{object{"ip": "192.0.2.7"}, object{"hostname": "lb.golemtrust.am"}}}}
	s.add(core+"services/app", own)
	for name, svc := range map[string]object{
		"inside":    service("inside", "ClusterIP", appLabels, nil),
		"node-port": service("node-port", "NodePort", appLabels, nil),
		"external":  service("external", "ClusterIP", appLabels, object{"externalIPs": []any{"192.0.2.8"}}),
		"stranger":  service("stranger", "LoadBalancer", object{"app": "vault"}, nil),
		"headless":  service("headless", "LoadBalancer", nil, nil),
	} {
		s.add(core+"services/"+name, svc)
	}
	net := "/apis/networking.k8s.io/v1/namespaces/bank/ingresses/"
	s.add(net+"by-default", ingress("by-default", object{"defaultBackend": to("inside")}))
	s.add(net+"by-path", ingress("by-path", object{"rules": []any{object{"host": "other"}, object{"http": object{"paths": []any{
		object{"path": "/x", "backend": to("stranger")}, object{"path": "/", "backend": to("app")}}}}}}))
	s.add(net+"old-entry", ingress("old-entry", object{"defaultBackend": to("stranger")}))
	f := observe(t, s, bank())
	got := map[string]bool{}
	for _, r := range f.Routes {
		if r.To != "app" {
			t.Errorf("route %+v", r)
		}
		got[r.Kind+" "+r.Name] = true
	}
	want := map[string]bool{"Service node-port": true, "Service external": true, "Ingress by-default": true, "Ingress by-path": true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
	exposures := []migration.ExposureFacts{{Workload: "app", Kind: "Service", Digest: "d1", Addresses: []string{"192.0.2.7", "lb.golemtrust.am"}, Port: 80}}
	if !reflect.DeepEqual(f.Exposures, exposures) {
		t.Errorf("exposures %+v", f.Exposures)
	}
}

// A route is seen before there is anything to lead to: deploying would expose it.
func TestRouteToPodsToCome(t *testing.T) {
	s := newAPIServer(t)
	s.add(core+"services/early", service("early", "NodePort",
		object{"app.kubernetes.io/name": "app", "app.kubernetes.io/instance": "royal-bank"}, nil))
	want := []migration.RouteFacts{{Kind: "Service", Name: "early", To: "app"}}
	if got := observe(t, s, bank()).Routes; !reflect.DeepEqual(got, want) {
		t.Errorf("routes %+v", got)
	}
}

// The server is asked for the metadata of a Secret, so that its data is never
// even sent.
func TestSecretsAreNotRead(t *testing.T) {
	s := newAPIServer(t)
	s.add(core+"secrets/keys", object{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object{"name": "keys"}})
	spec := bank()
	spec.Workloads[0].Mounts = []migration.Mount{{Secret: "keys", Path: "/k"}, {Secret: "gone", Env: true}, {ConfigMap: "settings", Path: "/s"}}
	want := []migration.ConfigFacts{{Kind: "Secret", Name: "keys", Exists: true}, {Kind: "Secret", Name: "gone"}, {Kind: "ConfigMap", Name: "settings"}}
	if got := observe(t, s, spec).Config; !reflect.DeepEqual(got, want) {
		t.Errorf("config %+v", got)
	}
	for _, r := range s.requests {
		if !strings.Contains(r.URL.Path, "/secrets") && !strings.Contains(r.URL.Path, "/configmaps") {
			continue
		}
		// The last form is for servers from before 1.15, which know no other.
		if accepts := strings.Split(r.Header.Get("Accept"), ","); !strings.Contains(accepts[0], "as=PartialObjectMetadata") {
			t.Errorf("%s accepts %q", r.URL.Path, accepts)
		}
	}
}

func TestQuotasAndClaims(t *testing.T) {
	s := newAPIServer(t)
	s.add(apps+"statefulsets/app", ours("StatefulSet", "app", selecting(appLabels)))
	volume := func(claim string) object {
		return object{"volumes": []any{object{"name": "v", "persistentVolumeClaim": object{"claimName": claim}}}}
	}
	s.add(core+"pods/a", pod("a", volume("ledger-app-0"), object{}, nil))
	s.add(core+"pods/b", pod("b", volume("lost"), object{}, nil))
	claim := func(name, phase string, labels object) {
		s.add(core+"persistentvolumeclaims/"+name, object{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
			"metadata": object{"name": name, "labels": labels}, "status": object{"phase": phase}})
	}
	claim("ledger-app-0", "Bound", nil)
	claim("ledger-app-1", "Pending", object{"app.kubernetes.io/instance": "royal-bank"})
	claim("somebody-elses", "Pending", object{"app.kubernetes.io/instance": "vault"})
	s.add(core+"resourcequotas/q", object{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": object{"name": "q"},
		"status": object{"hard": object{"pods": "4", "requests.cpu": "1"}, "used": object{"pods": "4", "requests.cpu": "1500m"}}})
	s.add(core+"resourcequotas/some", object{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": object{"name": "some"},
		"spec": object{"scopes": []any{"BestEffort"}}, "status": object{"hard": object{"pods": "0"}, "used": object{"pods": "0"}}})
	s.add(core+"limitranges/l", object{"apiVersion": "v1", "kind": "LimitRange", "metadata": object{"name": "l"},
		"spec": object{"limits": []any{object{"type": "Pod"}, object{"type": "Container", "defaultRequest": object{"cpu": "100m"}}}}})
	f := observe(t, s, bank())
	if want := []migration.ClaimFacts{{Name: "ledger-app-0", Phase: "Bound"}, {Name: "ledger-app-1", Phase: "Pending"}, {Name: "lost", Phase: "Missing"}}; !reflect.DeepEqual(f.Claims, want) {
		t.Errorf("claims %+v", f.Claims)
	}
	if want := []migration.QuotaFacts{
		{Quota: "q", Resource: "pods", Used: "4", Hard: "4", Need: "3", Left: "0", Lacks: "quota q leaves 0 of pods, and 3 are needed at the most"},
		{Quota: "q", Resource: "requests.cpu", Used: "1500m", Hard: "1", Exceeded: true, Default: "100m", Need: "300m", Left: "-500m",
			Lacks: "quota q leaves -500m of requests.cpu, and 300m are needed at the most"},
		{Quota: "some", Resource: "pods", Used: "0", Hard: "0"}}; !reflect.DeepEqual(f.Quotas, want) {
		t.Errorf("quotas %+v", f.Quotas)
	}
}

// A part of the truth must not pass for all of it: whichever look fails, the
// observation does.
func TestEveryLookCounts(t *testing.T) {
	for _, what := range []string{"services", "ingresses", "deployments", "statefulsets", "pods", "secrets", "resourcequotas", "persistentvolumeclaims"} {
		s := newAPIServer(t)
		if what == "pods" {
			s.add(apps+"deployments/app", ours("Deployment", "app", selecting(appLabels)))
		}
		s.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/"+what) {
				return false
			}
			failed(w, 403, "Forbidden", fmt.Sprintf(`%s is forbidden: User "u" cannot list resource %q`, what, what))
			return true
		}
		spec := bank()
		spec.Workloads[0].Mounts = []migration.Mount{{Secret: "keys", Path: "/k"}}
		_, err := connect(t, s.URL, nil).Observe(t.Context(), spec, migration.Production)
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), `verb "list"`) {
			t.Errorf("%s forbidden: %v", what, err)
		}
	}
}
