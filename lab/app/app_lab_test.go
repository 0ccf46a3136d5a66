//go:build lab

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/app"
	"rehome.dev/rehome/lab/client"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: release-test, namespace: NAMESPACE}
spec:
  replicas: 2
  selector: {matchLabels: {app.kubernetes.io/name: royal-bank-api, app.kubernetes.io/instance: release-test}}
  template:
    metadata: {labels: {app.kubernetes.io/name: royal-bank-api, app.kubernetes.io/instance: release-test}}
    spec:
      containers:
      - name: royal-bank-api
        image: IMAGE
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
        securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true, allowPrivilegeEscalation: false}
        volumeMounts: [{name: config, mountPath: /etc/royal-bank-api, readOnly: true}]
      volumes: [{name: config, projected: {sources: [{configMap: {name: royal-bank-api-config}}, {secret: {name: royal-bank-api-secrets}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: release-test, namespace: NAMESPACE}
spec:
  selector: {app.kubernetes.io/instance: release-test}
  ports: [{port: 8080}]
`

// deploy runs a release and returns the URL of its Service.
func deploy(t *testing.T, lab *part.Lab, image string) (base string) {
	t.Helper()
	namespace := labtest.Branch(t).Namespace
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := cluster.Kubectl(ctx, lab, nil, "--namespace="+namespace, "delete", "deployment/release-test", "service/release-test", "--ignore-not-found", "--wait=true")
		if err != nil {
			t.Error(err)
		}
	})
	run := func(stdin []byte, args ...string) string {
		out, err := cluster.Kubectl(t.Context(), lab, stdin, append([]string{"--namespace=" + namespace}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	run([]byte(strings.NewReplacer("NAMESPACE", namespace, "IMAGE", image).Replace(manifest)), "apply", "--filename=-")
	run(nil, "rollout", "status", "deployment/release-test", "--timeout=60s")
	base = "http://" + run(nil, "get", "service/release-test", "--output=jsonpath={.spec.clusterIP}") + ":8080/"
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := part.Poll(ctx, 100*time.Millisecond, func(ctx context.Context) error { return ask(ctx, base+"readyz") })
	if err != nil {
		t.Fatalf("the Service never answered: %v", err)
	}
	return base
}

func releasesOf(t *testing.T, lab *part.Lab) app.Images {
	t.Helper()
	text, err := os.ReadFile(app.ImagesFile(lab))
	if err != nil {
		t.Fatal(err)
	}
	var images app.Images
	if err := json.Unmarshal(text, &images); err != nil {
		t.Fatal(err)
	}
	return images
}

func newLab(t *testing.T) *part.Lab {
	t.Helper()
	lab, err := part.New(part.NewProgress(t.Output(), true))
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

// load sends a hundred requests per second to base for three seconds.
func load(t *testing.T, base string) client.Second {
	t.Helper()
	l := client.DefaultLoad()
	l.URL, l.For = base, 3*time.Second
	total, err := client.Run(t.Context(), l, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if total.Sent < 250 || total.By["kubernetes"] != total.Sent {
		t.Fatalf("not all of the load reached the pods: %s", client.Summary(total))
	}
	return total
}

// The load must be on time, which is why nobody else may be on the lab.
func TestReleases(t *testing.T) {
	labtest.Alone(t)
	lab := newLab(t)
	images := releasesOf(t, lab)
	for name, test := range map[string]struct {
		image    string
		min, max float64 // share of failures under load
	}{"good": {images.Good, 0, 0}, "bad": {images.Bad, 0.2, 0.4}} {
		t.Run(name, func(t *testing.T) {
			base := deploy(t, lab, test.image)
			for _, path := range []string{"", "accounts", "healthz", "readyz", "metrics", "", "accounts"} {
				if err := ask(t.Context(), base+path); err != nil {
					t.Errorf("smoke: %v", err)
				}
			}
			total := load(t, base)
			if share := float64(total.Sent-total.OK) / float64(total.Sent); share < test.min || share > test.max {
				t.Errorf("%.0f %% failed under load: %s", 100*share, client.Summary(total))
			}
			awaitMetrics(t, labtest.Env(t).Prometheus, total)
		})
	}
}

// awaitMetrics returns when Prometheus has counted what the client has.
func awaitMetrics(t *testing.T, prometheus string, total client.Second) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const query = `sum(http_requests_total{job="pods",pod=~"release-test-.*"})`
	err := part.Poll(ctx, 500*time.Millisecond, func(ctx context.Context) error {
		text, err := get(ctx, prometheus+"/api/v1/query?query="+url.QueryEscape(query))
		if err == nil && !bytes.Contains(text, fmt.Appendf(nil, `"%d"`, total.Sent+4)) { // 4 of the smoke test's
			err = fmt.Errorf("not %d: %s", total.Sent+4, text)
		}
		return err
	})
	if err != nil {
		t.Errorf("Prometheus never had the client's count: %v", err)
	}
}

func ask(ctx context.Context, url string) error {
	_, err := get(ctx, url)
	return err
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = errors.New(url + " answers " + reply.Status)
	}
	return text, err
}

func TestTheSecretOfTheClusterIsTheMachines(t *testing.T) {
	lab := newLab(t)
	out, err := cluster.Kubectl(t.Context(), lab, nil, "--namespace=royal-bank", "get", "configmap/royal-bank-api-config", "--output=json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "db_password") || !strings.Contains(out, "daily_limit") {
		t.Errorf("the ConfigMap holds a secret, or lacks the rest: %s", out)
	}
}
