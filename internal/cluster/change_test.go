package cluster_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

func applyOf(spec migration.Spec, part migration.Part) migration.Apply {
	return migration.Apply{
		Env: migration.Production, Part: part, Workload: "app",
		Digest: manifest.Digest(spec, migration.Production, part, "app"),
	}
}

var (
	scaleToNone  = migration.Scale{Env: migration.Production, Workload: "app"}
	removeExport = migration.Remove{Env: migration.Production, Part: migration.PartExposure, Workload: "app"}
	removePods   = migration.Remove{Env: migration.Production, Part: migration.PartWorkload, Workload: "app"}
)

// Each way in which the write itself can end, and what is certain then.
func TestOutcomeOfAWrite(t *testing.T) {
	says := func(code int, reason, message string, causes ...object) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { failed(w, code, reason, message, causes...) }
	}
	tests := map[string]struct {
		answer func(http.ResponseWriter)
		want   migration.Outcome
		text   string
		hint   string
	}{
		"forbidden": {says(403, "Forbidden", `deployments.apps "app" is forbidden: User "u" cannot create resource "deployments" in API group "apps"`),
			migration.OutcomeNotDone, `forbids it: verb "create" on `, `grant "create"`},
		"unauthorised": {says(401, "Unauthorized", "Unauthorized"), migration.OutcomeNotDone, "does not accept the credentials", "renew"},
		"invalid":      {says(422, "Invalid", "spec.selector: field is immutable"), migration.OutcomeNotDone, "field is immutable", ""},
		"another's field": {says(409, "Conflict", "Apply failed with 1 conflict",
			object{"reason": "FieldManagerConflict", "message": `conflict with "argocd" using apps/v1`, "field": ".spec.replicas"}),
			migration.OutcomeForeign, "argocd has set .spec.replicas", "not taken by force"},
		"changed meanwhile": {says(409, "Conflict", "the object has been modified"), migration.OutcomeNotDone, "modified", ""},
		"too many requests": {says(429, "TooManyRequests", "later"), migration.OutcomeNotDone, "later", ""},
		"internal error":    {says(500, "InternalError", "etcd is away"), migration.OutcomeUnknown, "etcd is away", ""},
		"gateway timeout":   {says(504, "Timeout", "request did not complete"), migration.OutcomeUnknown, "no answer within", "timeout"},
		"request timeout":   {says(408, "RequestTimeout", "slow"), migration.OutcomeUnknown, "slow", ""},
		"silence":           {func(http.ResponseWriter) { time.Sleep(300 * time.Millisecond) }, migration.OutcomeUnknown, "no answer within 150ms", "longer"},
		"reset": {func(w http.ResponseWriter) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		}, migration.OutcomeUnknown, "EOF", ""},
		"not Kubernetes": {func(w http.ResponseWriter) { w.WriteHeader(502) }, migration.OutcomeUnknown, "an error on the server", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t)
			s.add(apps+"deployments/app", ours("Deployment", "app", object{"replicas": 2}))
			s.add(core+"services/app", ours("Service", "app", nil))
			s.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet {
					return false
				}
				tt.answer(w)
				return true
			}
			timeout := "20s"
			if name == "silence" {
				timeout = "150ms"
			}
			c := connect(t, s.URL, map[string]string{"timeout": timeout})
			check := func(what string, out migration.Outcome, err error) {
				t.Helper()
				if out != tt.want || err == nil || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%s: %s, %v; want %s with %q", what, out, err, tt.want, tt.text)
				}
				var e *cluster.Error
				if tt.hint != "" && (!errors.As(err, &e) || !strings.Contains(e.Hint(), tt.hint)) {
					t.Errorf("%s: no hint with %q in %v", what, tt.hint, err)
				}
			}
			out, err := c.Apply(t.Context(), bank(), applyOf(bank(), migration.PartWorkload))
			check("apply", out, err)
			if name == "another's field" {
				return // only an apply can conflict
			}
			out, err = c.Scale(t.Context(), bank(), scaleToNone)
			check("scale", out, err)
			out, err = c.Remove(t.Context(), bank(), removeExport)
			check("remove", out, err)
		})
	}
}

// As long as nothing but reading was tried, nothing was done.
func TestOutcomeOfALookBefore(t *testing.T) {
	s := newAPIServer(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool { time.Sleep(300 * time.Millisecond); return true }
	c := connect(t, s.URL, map[string]string{"timeout": "100ms"})
	out, err := c.Apply(t.Context(), bank(), applyOf(bank(), migration.PartWorkload))
	if out != migration.OutcomeNotDone || err == nil {
		t.Errorf("apply: %s, %v", out, err)
	}
	if out, err = c.Scale(t.Context(), bank(), scaleToNone); out != migration.OutcomeNotDone || err == nil {
		t.Errorf("scale: %s, %v", out, err)
	}
	if out, err = c.Remove(t.Context(), bank(), removePods); out != migration.OutcomeNotDone || err == nil {
		t.Errorf("remove: %s, %v", out, err)
	}
	if w := s.seen("PATCH DELETE POST PUT"); len(w) > 0 {
		t.Errorf("written: %v", w)
	}
}

// The cluster goes away between the look and the write: the write was never
// sent.
func TestConnectionLostBeforeTheWrite(t *testing.T) {
	s := newAPIServer(t)
	s.add(apps+"deployments/app", ours("Deployment", "app", object{"replicas": 2}))
	var down sync.Once
	front := httptest.NewUnstartedServer(nil)
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		down.Do(func() { front.Listener.Close() })
		s.ServeHTTP(w, r)
	})
	front.Start()
	defer front.Close()
	out, err := connect(t, front.URL, nil).Scale(t.Context(), bank(), scaleToNone)
	if out != migration.OutcomeNotDone || err == nil || !strings.Contains(err.Error(), "patch deployments.apps app in namespace bank: cannot connect") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestConnectionNeverMade(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for url, words := range map[string][2]string{
		down.URL:                              {"cannot connect to " + down.URL, "API server is up"},
		"http://no-such-host.invalid":         {"cannot connect to", "reach"},
		secure.URL:                            {"is not trusted", "certificate-authority"},
		strings.Replace(down.URL, "p", "", 1): {"the cluster answers with an error", ""},
	} {
		c := connect(t, url, map[string]string{"timeout": "2s"})
		_, err := c.Observe(t.Context(), bank(), migration.Production)
		var e *cluster.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), words[0]) || !strings.Contains(e.Hint(), words[1]) {
			t.Errorf("%s: %v; want %q", url, err, words)
		}
		if out, err := c.Scale(t.Context(), bank(), scaleToNone); out != migration.OutcomeNotDone || err == nil {
			t.Errorf("%s: scale: %s, %v", url, out, err)
		}
	}
}

// What is sent says who writes, never forces, and hits only the object seen.
func TestWhatIsWritten(t *testing.T) {
	s := newAPIServer(t)
	c := connect(t, s.URL, nil)
	if out, err := c.Apply(t.Context(), bank(), applyOf(bank(), migration.PartWorkload)); out != migration.OutcomeDone || err != nil {
		t.Fatal(out, err)
	}
	s.add(apps+"deployments/app", ours("Deployment", "app", object{"replicas": 2}))
	if out, err := c.Scale(t.Context(), bank(), scaleToNone); out != migration.OutcomeDone || err != nil {
		t.Fatal(out, err)
	}
	if out, err := c.Remove(t.Context(), bank(), removePods); out != migration.OutcomeDone || err != nil {
		t.Fatal(out, err)
	}
	for i, r := range s.requests {
		switch {
		case r.Method == http.MethodPatch:
			q := r.URL.Query()
			if q.Get("fieldManager") != "rehome" || q.Get("force") == "true" || q.Get("fieldValidation") != "Strict" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			if strings.Contains(r.Header.Get("Content-Type"), "merge") && s.bodies[i] != `{"metadata":{"uid":"uid-of-app"},"spec":{"replicas":0}}` {
				t.Errorf("scale sent %s", s.bodies[i])
			}
		case r.Method == http.MethodDelete && r.URL.Path == budget: // it has no UID here
		case r.Method == http.MethodDelete && !strings.Contains(s.bodies[i], `"uid":"uid-of-app"`):
			t.Errorf("delete sent %s", s.bodies[i])
		}
	}
	if want := []string{
		"PATCH " + budget, "PATCH " + apps + "deployments/app", "PATCH " + apps + "deployments/app", "DELETE " + apps + "deployments/app", "DELETE " + budget,
	}; !slices.Equal(s.seen("PATCH DELETE POST PUT"), want) {
		t.Errorf("written %v", s.seen("PATCH DELETE POST PUT"))
	}
}

func statefulBank() migration.Spec {
	spec := bank()
	w := spec.Workloads[0]
	w.Kind = migration.KindStatefulSet
	spec.Workloads = []migration.Workload{w}
	return spec
}

// Of a part of two objects the one that carries the digest comes last: a half
// applied part does not look applied, and is not called untouched either.
func TestHalfApplied(t *testing.T) {
	s := newAPIServer(t)
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "statefulsets") {
			failed(w, 403, "Forbidden", "no")
			return true
		}
		return false
	}
	spec := statefulBank()
	out, err := connect(t, s.URL, nil).Apply(t.Context(), spec, applyOf(spec, migration.PartWorkload))
	if out != migration.OutcomeUnknown || err == nil {
		t.Errorf("%s, %v", out, err)
	}
	want := []string{"PATCH " + budget, "PATCH " + core + "services/app-headless", "PATCH " + apps + "statefulsets/app"}
	if !slices.Equal(s.seen("PATCH"), want) {
		t.Errorf("written %v", s.seen("PATCH"))
	}
}

// All objects of a part are looked at before the first is written.
func TestForeignPartnerStopsAll(t *testing.T) {
	s := newAPIServer(t)
	helm := ours("StatefulSet", "app", nil)
	helm["metadata"].(object)["labels"] = object{"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "vault"}
	s.add(apps+"statefulsets/app", helm)
	spec := statefulBank()
	c := connect(t, s.URL, nil)
	out, err := c.Apply(t.Context(), spec, applyOf(spec, migration.PartWorkload))
	if out != migration.OutcomeForeign || err == nil || !strings.Contains(err.Error(), "managed by Helm; instance vault") {
		t.Errorf("apply: %s, %v", out, err)
	}
	s.add(core+"services/app-headless", ours("Service", "app-headless", nil))
	if out, err = c.Remove(t.Context(), spec, removePods); out != migration.OutcomeForeign || err == nil {
		t.Errorf("remove: %s, %v", out, err)
	}
	if w := s.seen("PATCH DELETE"); len(w) > 0 {
		t.Errorf("written %v", w)
	}
}

func TestApplyWaitsForADeletion(t *testing.T) {
	s := newAPIServer(t)
	dying := ours("Deployment", "app", nil)
	dying["metadata"].(object)["deletionTimestamp"] = "2026-03-01T12:00:00Z"
	s.add(apps+"deployments/app", dying)
	out, err := connect(t, s.URL, nil).Apply(t.Context(), bank(), applyOf(bank(), migration.PartWorkload))
	if out != migration.OutcomeNotDone || err == nil || !strings.Contains(err.Error(), "being deleted") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"none":         {nil, ""},
		"all":          {map[string]string{"kubeconfig": "/k", "context": "c", "timeout": "3s"}, ""},
		"unknown":      {map[string]string{"kubeConfig": "/k"}, `unknown setting "kubeConfig": known are context, kubeconfig, timeout`},
		"bad timeout":  {map[string]string{"timeout": "10"}, `"10" is not a duration like 10s`},
		"no time left": {map[string]string{"timeout": "-1s"}, "is not a duration"},
	} {
		_, err := cluster.New(migration.Connection{Name: "ankh", Settings: tt.settings})
		if (err == nil) != (tt.want == "") || err != nil && !(strings.Contains(err.Error(), tt.want) && strings.Contains(err.Error(), "ankh")) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// A kubeconfig that is missing is an error of the first call, not of the start,
// and the next call looks again.
func TestKubeconfigComesLater(t *testing.T) {
	s := newAPIServer(t)
	c := connect(t, s.URL, map[string]string{"kubeconfig": t.TempDir() + "/later"})
	_, err := c.Observe(t.Context(), bank(), migration.Production)
	var e *cluster.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "/later") || !strings.Contains(e.Hint(), "kubectl config get-contexts") {
		t.Errorf("no file: %v", err)
	}
	c = connect(t, s.URL, map[string]string{"context": "uberwald"})
	if _, err = c.Observe(t.Context(), bank(), migration.Production); err == nil || !strings.Contains(err.Error(), "uberwald") {
		t.Errorf("no such context: %v", err)
	}
}

// What Scale has set becomes the applied set's before the next apply, or the
// two would conflict although both are ours; a controller that writes the
// status meanwhile only costs another look.
func TestScaledFieldsAreAdopted(t *testing.T) {
	s := newAPIServer(t)
	d := ours("Deployment", "app", object{"replicas": 0})
	entry := func(operation string, fields object) object {
		return object{"manager": "rehome", "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields}
	}
	d["metadata"].(object)["managedFields"] = []any{
		entry("Apply", object{"f:spec": object{"f:template": object{}}}), entry("Update", object{"f:spec": object{"f:replicas": object{}}}),
	}
	s.add(apps+"deployments/app", d)
	var adopted []string
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.Header.Get("Content-Type"), "json-patch") {
			return false
		}
		adopted = append(adopted, s.bodies[len(s.bodies)-1])
		if len(adopted) == 1 {
			failed(w, 409, "Conflict", "the object has been modified")
			return true
		}
		return false
	}
	// The patch is no object that the server could keep: it answers 400.
	out, err := connect(t, s.URL, nil).Apply(t.Context(), bank(), applyOf(bank(), migration.PartWorkload))
	if out != migration.OutcomeNotDone || err == nil {
		t.Errorf("adoption refused: %s, %v", out, err)
	}
	if len(adopted) != 2 || !strings.Contains(adopted[1], `"f:replicas"`) || !strings.Contains(adopted[1], `"value":"7"`) ||
		strings.Contains(adopted[1], `"Update"`) {
		t.Errorf("adopted %q", adopted)
	}
	for _, r := range s.requests {
		if strings.Contains(r.Header.Get("Content-Type"), "apply-patch") {
			t.Error("applied although the adoption was refused")
		}
	}
}
