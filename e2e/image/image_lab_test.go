//go:build lab

package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/registry"
	"rehome.dev/rehome/lab/vm"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// pod is the bank, put right, with what it must be told and nothing else.
const pod = `apiVersion: v1
kind: Pod
metadata: {name: built-image, namespace: NAMESPACE}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: bank
      image: IMAGE
      imagePullPolicy: Always
      env: [{name: API_KEY, value: one-of-this-test}, {name: DB_PASSWORD, value: one-of-this-test}, {name: LISTEN, value: ":8080"}]
      readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
      securityContext: {runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// TestTheBankIsBuiltPushedPulledAndServes goes the whole way as a person does: facts
// of the machine, its files over ssh, an approved base and a registry.
func TestTheBankIsBuiltPushedPulledAndServes(t *testing.T) {
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	w, err := demo.NewWorld(t.Context(), lab, filepath.Join(t.TempDir(), "move"), &said)
	if err != nil {
		t.Fatal(err)
	}
	base, err := w.ApproveBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := labtest.Env(t)
	machine := []string{"--host", "ssh://" + env.SSHUser + "@" + env.VM, "--identity", env.SSHKeyFile, "--known-hosts", env.KnownHostsFile}
	output := func(want int, args ...string) string {
		t.Helper()
		out, err := w.Output(t.Context(), want, args...)
		said.Write(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	facts := filepath.Join(w.Dir, "facts.json")
	text := output(0, append([]string{"probe", "--unit", "royal-bank-api", "--for", "0s", "-o", "json"}, machine...)...)
	if err := os.WriteFile(facts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	build := append([]string{"image", w.File(), "--build", "--facts", facts, "--base", base, "--entrypoint", "/opt/royal-bank-api/royal-bank-api",
		"--push", registry.Host() + "/royal-bank-api:built", "--out"}, filepath.Join(w.Dir, "out"))
	first := output(0, append(build, machine...)...)
	build[len(build)-1] = filepath.Join(w.Dir, "again")
	second := output(0, append(build, machine...)...)
	ref := last(first)
	if !strings.HasPrefix(ref, registry.Host()+"/royal-bank-api@sha256:") || ref != last(second) {
		t.Fatalf("the same machine gave\n%s\nand\n%s", first, second)
	}
	t.Log(first)
	secrets(t, lab, w.Dir, said.String())
	serves(t, lab, labtest.Branch(t).Staging(), ref)
	if err := w.UseImage(ref); err != nil {
		t.Fatal(err)
	}
	if checked := output(0, "image", w.File()); !strings.Contains(checked, "pass IMAGE-SECRETS") {
		t.Errorf("%s", checked)
	}
}

// last is the reference in the last line.
func last(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.TrimPrefix(lines[len(lines)-1], "image: ")
}

// secrets looks for those of the machine in what was said, written and pushed.
func secrets(t *testing.T, lab *part.Lab, dir, said string) {
	t.Helper()
	conf, err := os.ReadFile(filepath.Join(vm.Root(lab), vm.ConfigDir, "db.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for line := range strings.Lines(string(conf)) {
		if key, value, ok := strings.Cut(line, "="); ok && (strings.Contains(key, "password") || strings.Contains(key, "key")) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	if len(values) < 2 {
		t.Fatal("the machine has no secrets to look for")
	}
	search := func(where string, text []byte) {
		for _, v := range values {
			if bytes.Contains(text, []byte(v)) {
				t.Errorf("a secret of the machine is in %s", where)
			}
		}
	}
	search("what was said", []byte(said))
	for _, root := range []string{dir, lab.StatePath("registry")} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			search(path, text)
			if z, zerr := gzip.NewReader(bytes.NewReader(text)); zerr == nil { // a layer
				if text, err = io.ReadAll(z); err == nil {
					search(path, text)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// serves lets a pod pull the image and waits until it answers.
func serves(t *testing.T, lab *part.Lab, namespace, ref string) {
	t.Helper()
	remove := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "delete", "pod", "built-image", "--ignore-not-found", "--wait=true"); err != nil {
			t.Error(err)
		}
	}
	remove()
	t.Cleanup(remove)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, lab, []byte(strings.NewReplacer("NAMESPACE", namespace, "IMAGE", ref).Replace(pod)), "apply", "--filename", "-"); err != nil {
		t.Fatal(err)
	}
	_, err := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "wait", "--for=condition=Ready", "pod/built-image", "--timeout=60s")
	if err != nil {
		events, _ := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "describe", "pod", "built-image")
		t.Fatalf("%v\n%s", err, events)
	}
	digest, err := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "get", "pod", "built-image", "-o", "jsonpath={.status.containerStatuses[0].imageID}")
	if want := ref[strings.Index(ref, "@"):]; err != nil || !strings.Contains(digest, want) {
		t.Errorf("the pod runs %s, %v", digest, err)
	}
	fmt.Fprintf(t.Output(), "the pod runs %s\n", digest)
}
