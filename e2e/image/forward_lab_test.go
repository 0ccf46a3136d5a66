//go:build lab

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/registry"
)

// forwarder leads to the old side with nothing that a cluster could refuse it.
const forwarder = `apiVersion: v1
kind: Pod
metadata: {name: forwarder, namespace: NAMESPACE}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 5
  containers:
    - name: forward
      image: IMAGE
      imagePullPolicy: Always
      args: [forward, --name=bank, --leads-to=old, --linger=0s, --drain=1s, "8080=http://OLD"]
      livenessProbe: {httpGet: {path: /healthz, port: 9180}, periodSeconds: 2}
      readinessProbe: {httpGet: {path: /readyz, port: 9180}, periodSeconds: 1}
      resources: {limits: {memory: 32Mi}}
      securityContext: {runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// TestTheForwarderIsBuiltPushedPulledAndLeads goes the whole way of the forwarder's image:
// a registry, a pod without any right, and a request through it to the old side.
func TestTheForwarderIsBuiltPushedPulledAndLeads(t *testing.T) {
	t.Parallel()
	b := labtest.Branch(t)
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	w, err := demo.NewWorld(t.Context(), lab, filepath.Join(t.TempDir(), "move"), &said)
	if err != nil {
		t.Fatal(err)
	}
	push := []string{"forward", "image", "--arch", runtime.GOARCH, "--push", registry.Host() + "/rehome-agent:e2e", "-o", "json"}
	var first, second struct{ Digest, Pushed string }
	for _, into := range []any{&first, &second} {
		out, err := w.Output(t.Context(), 0, push...)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, out, said.String())
		}
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatal(err)
		}
	}
	if first != second || first.Pushed != registry.Host()+"/rehome-agent@"+first.Digest {
		t.Fatalf("the same program gave %+v and %+v", first, second)
	}
	leads(t, lab, b.Staging(), first.Pushed, net.JoinHostPort(b.Old.Address.String(), "8080"))
}

// leads lets a pod pull the image, and asks the old side through it.
func leads(t *testing.T, lab *part.Lab, namespace, ref, old string) {
	t.Helper()
	kubectl := func(in string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		out, err := cluster.Kubectl(ctx, lab, []byte(in), append([]string{"--namespace", namespace}, args...)...)
		if err != nil {
			events, _ := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "describe", "pod", "forwarder")
			t.Fatalf("%v\n%s", err, events)
		}
		return out
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "delete", "pod", "forwarder", "--ignore-not-found", "--wait=true"); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	kubectl(strings.NewReplacer("NAMESPACE", namespace, "IMAGE", ref, "OLD", old).Replace(forwarder), "apply", "--filename", "-")
	kubectl("", "wait", "--for=condition=Ready", "pod/forwarder", "--timeout=60s")
	t.Logf("ready %s after it was applied", time.Since(began).Round(100*time.Millisecond))
	at := func(port, path string) string {
		return kubectl("", "get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/forwarder:"+port+"/proxy"+path)
	}
	if answer := at("8080", "/accounts"); !strings.Contains(answer, "{") {
		t.Errorf("through the forwarder the old side says %q", answer)
	}
	var status struct {
		LeadsTo string
		Routes  []struct {
			Requests map[string]int
			Targets  []struct{ Address string }
		}
	}
	if err := json.Unmarshal([]byte(at("9180", "/status")), &status); err != nil {
		t.Fatal(err)
	}
	if r := status.Routes[0]; status.LeadsTo != "old" || r.Requests["2xx"] != 1 || r.Targets[0].Address != old {
		t.Errorf("%+v", status)
	}
	if text := at("9180", "/metrics"); !strings.Contains(text, `rehome_forward_connections_total{listen="[::]:8080",target="`+old+`"} 1`) {
		t.Errorf("%s", text)
	}
}
