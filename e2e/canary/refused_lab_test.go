//go:build lab

package canary

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/lab/cluster"
)

// Namespaces in which the API server refuses, each in its own way.
const (
	full    = "canary-full"
	curious = "canary-curious"
)

// refusing makes them: the one has a quota that is used up, the other a policy that
// quotes in its refusal what it was sent, as some really do.
func (s *suite) refusing() {
	s.t.Helper()
	s.forget("namespace", full, curious)
	s.forget("validatingadmissionpolicybinding,validatingadmissionpolicy", curious)
	s.kubectl(`apiVersion: v1
kind: Namespace
metadata: {name: `+full+`}
---
apiVersion: v1
kind: Namespace
metadata: {name: `+curious+`}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: full, namespace: `+full+`}
spec: {hard: {count/secrets: "0", count/configmaps: "0"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+curious+`}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets]}]
  validations:
    - expression: "false"
      messageExpression: "'refused: ' + object.data.map(k, k + ' ' + string(object.data[k])).join(', ')"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+curious+`}
spec:
  policyName: `+curious+`
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+curious+`}}}
`, "apply", "-f", "-")
}

// refusals waits until both refuse, the curious one in the words of a probe.
func (s *suite) refusals() {
	s.t.Helper()
	for namespace, word := range map[string]string{full: "exceeded quota", curious: "bm90aGluZw"} { // "nothing" in base64
		s.eventually(30*time.Second, func(ctx context.Context) error {
			_, err := cluster.Kubectl(ctx, s.lab, []byte(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"probe"},"stringData":{"probe":"nothing"}}`),
				"-n", namespace, "create", "--dry-run=server", "-f", "-")
			if err == nil || !strings.Contains(err.Error(), word) {
				return fmt.Errorf("%s does not refuse yet: %w", namespace, err)
			}
			return nil
		})
	}
}

// closed is a kubeconfig of a cluster that refuses connections.
func (s *suite) closed() string {
	s.t.Helper()
	text, err := os.ReadFile(cluster.Kubeconfig(s.lab))
	s.must(err)
	var config map[string]any
	s.must(json.Unmarshal(text, &config))
	config["clusters"].([]any)[0].(map[string]any)["cluster"].(map[string]any)["server"] = "https://127.0.0.1:1"
	text, err = json.Marshal(config)
	s.must(err)
	file := filepath.Join(s.t.TempDir(), "closed")
	s.must(os.WriteFile(file, text, 0o600))
	return file
}

// registry is one that takes blobs and refuses the manifest, saying back what it got.
func (s *suite) registry() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/":
		case r.Method == http.MethodPost:
			w.Header().Set("Location", r.URL.Path+"upload")
			w.WriteHeader(http.StatusAccepted)
		default:
			http.Error(w, `{"errors":[{"code":"DENIED","message":"not today"}]}`, http.StatusForbidden)
		}
	}))
	s.t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
