package vault_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/vault"
	"rehome.dev/rehome/internal/tree"
)

func kept() []convert.Object {
	return []convert.Object{
		{Kind: convert.ConfigMap, Namespace: "bank", Name: "bank-0", Data: map[string]tree.Content{"x": tree.Content("y")}},
		{Kind: convert.Secret, Namespace: "bank", Name: "bank-3f2a", Data: map[string]tree.Content{"app.conf": tree.Content(canary), "key.p12": tree.Content(canary + "\xff")}},
	}
}

var receipt = []secrets.Receipt{{Kind: convert.Secret, Namespace: "bank", Name: "bank-3f2a", Done: secrets.Written, Version: 3}}

const wantExternal = `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  labels:
    app.kubernetes.io/instance: royal-bank
    app.kubernetes.io/managed-by: rehome
  name: bank-3f2a
  namespace: bank
spec:
  data:
  - remoteRef:
      conversionStrategy: Default
      decodingStrategy: None
      key: apps/bank/bank-3f2a
      property: app.conf
      version: "3"
    secretKey: app.conf
  - remoteRef:
      conversionStrategy: Default
      decodingStrategy: Base64
      key: apps/bank/bank-3f2a
      property: key.p12
      version: "3"
    secretKey: key.p12
  refreshInterval: 0s
  refreshPolicy: CreatedOnce
  secretStoreRef:
    kind: SecretStore
    name: vault
  target:
    creationPolicy: Owner
    deletionPolicy: Retain
    immutable: true
    name: bank-3f2a
`

func TestExternal(t *testing.T) {
	t.Parallel()
	o := vault.ExternalOptions{Store: "vault", Path: "apps/bank", Owner: "royal-bank", Receipts: receipt}
	for _, served := range [][]string{{"v1"}, {"v1beta1", "v1"}, {"v1", "v1beta1"}, {"v1alpha1", "v1beta1", "v1"}} {
		got, err := vault.External(kept(), served, o)
		if err != nil || len(got) != 1 || got[0].Name != "bank-3f2a" || string(got[0].YAML) != wantExternal {
			t.Errorf("%v: %v\n%s", served, err, got[0].YAML)
		}
	}
	got, err := vault.External(kept(), []string{"v1beta1"}, vault.ExternalOptions{Store: "vault", Cluster: true, Path: "apps/bank", Owner: "royal-bank"})
	old := strings.NewReplacer("/v1\n", "/v1beta1\n", "  refreshPolicy: CreatedOnce\n", "", "      version: \"3\"\n", "", "kind: SecretStore", "kind: ClusterSecretStore").Replace(wantExternal)
	if err != nil || string(got[0].YAML) != old {
		t.Errorf("%v\n%s", err, got[0].YAML)
	}
	for _, c := range []struct {
		served []string
		store  string
		want   string
	}{{nil, "vault", "install the External Secrets Operator"}, {[]string{"v2"}, "vault", "serves v2"}, {[]string{"v1"}, "", "kubectl get secretstores"}} {
		_, err := vault.External(kept(), c.served, vault.ExternalOptions{Store: c.store})
		says(t, err, secrets.ErrMissing, c.want)
	}
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	o := vault.InjectOptions{Role: "bank", Mount: "/kv/", Path: "apps/bank", Dir: "/etc/bank", Receipts: receipt, Files: []vault.InjectFile{
		{Object: "bank-3f2a", Key: "app.conf", Path: "conf.d/app conf", Mode: 0o640}, {Object: "bank-3f2a", Key: "key.p12", Path: "key.p12"},
	}}
	got, err := vault.Annotations(kept(), o)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(got)) {
		lines = append(lines, fmt.Sprintf("%s=%s", strings.TrimPrefix(k, "vault.hashicorp.com/"), got[k]))
	}
	want := []string{
		"agent-inject=true",
		"agent-inject-file-f000=conf.d/app conf",
		"agent-inject-file-f001=key.p12",
		"agent-inject-perms-f000=0640",
		"agent-inject-secret-f000=kv/data/apps/bank/bank-3f2a?version=3",
		"agent-inject-secret-f001=kv/data/apps/bank/bank-3f2a?version=3",
		`agent-inject-template-f000={{- with secret "kv/data/apps/bank/bank-3f2a?version=3" -}}{{ index .Data.data "app.conf" }}{{- end -}}`,
		`agent-inject-template-f001={{- with secret "kv/data/apps/bank/bank-3f2a?version=3" -}}{{ index .Data.data "key.p12" | base64Decode }}{{- end -}}`,
		"agent-pre-populate-only=true", "role=bank", "secret-volume-path=/etc/bank",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
	for _, f := range []vault.InjectFile{{Object: "none", Key: "a"}, {Object: "bank-3f2a", Key: "none"}, {Object: "bank-0", Key: "x"}} {
		o.Files = []vault.InjectFile{f}
		if _, err := vault.Annotations(kept(), o); err == nil {
			t.Errorf("%+v", f)
		}
	}
}
