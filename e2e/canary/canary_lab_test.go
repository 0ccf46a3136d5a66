//go:build lab

package canary

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/runbook"
	"rehome.dev/rehome/internal/store/sqlite"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/registry"
	"rehome.dev/rehome/lab/vm"
)

// TestNoSecretIsTold goes with secrets of every kind from the machine to the drills of
// staging, fails on the way wherever one can fail, and looks for them everywhere.
func TestNoSecretIsTold(t *testing.T) {
	labtest.Head(t) // its namespaces
	s := newSuite(t)
	s.refusing()
	s.install()
	stop := s.watch()
	s.scan()
	out := s.convert()
	s.render()
	s.image()
	s.stage()
	for _, args := range [][]string{{"report", demo.Name, "--format", "html", "--out", filepath.Join(s.Dir, "report.html")}, {"report", demo.Name, "--format", "json", "--out", filepath.Join(s.Dir, "report.json")},
		{"log", demo.Name}, {"log", demo.Name, "-o", "json"}, {"status", demo.Name}, {"plan", s.File()}} {
		s.rehome([]int{done, blocked, waiting}, args...)
	}
	stop()
	s.everywhere(out)
}

// scan looks at a copy of the directory, in every format; once as somebody who may
// not read all of it.
func (s *suite) scan() {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "etc")
	s.must(s.plant.write(dir, 0))
	for _, format := range []string{"text", "json", "sarif"} {
		s.rehome([]int{blocked}, "scan", dir, "-o", format)
	}
	for parent := dir; parent != "/"; parent = filepath.Dir(parent) { // nobody comes as far as the files
		s.must(os.Chmod(parent, 0o755|os.ModeSticky))
	}
	s.must(os.Chmod(filepath.Join(dir, "bank.ini"), 0o644))
	if out := s.nobody([]int{failed, blocked}, "scan", dir); !strings.Contains(out, "permission denied") {
		s.t.Errorf("what cannot be read is not told:\n%s", out)
	}
	if out := s.nobody([]int{failed}, "convert", dir, "--name", app, "--namespace", staging, "--mount", configDir, "--out", "out"); !strings.Contains(out, "UNREADABLE") && !strings.Contains(out, "permission denied") {
		s.t.Errorf("what cannot be read is not told:\n%s", out)
	}
}

// machine is how to reach the machine.
func (s *suite) machine() []string {
	env := labtest.Env(s.t)
	return []string{"--host", "ssh://" + env.SSHUser + "@" + env.VM, "--identity", env.SSHKeyFile, "--known-hosts", env.KnownHostsFile}
}

// convert reads the directory on the machine; at first the cluster refuses, in every
// way that it can, and the directory holds what cannot be converted.
func (s *suite) convert() (out string) {
	s.t.Helper()
	out = filepath.Join(s.Dir, "config")
	call := func(want int, namespace, kubeconfig, to string) string {
		return s.rehome([]int{want}, append([]string{"convert", configDir, "--name", app, "--namespace", namespace, "--out", to, "--doubtful-secret",
			"--apply", "--kubeconfig", kubeconfig, "-o", "json"}, s.machine()...)...)
	}
	for _, ns := range []string{staging, production} {
		s.forget("-n", ns, "configmap,secret", "-l", "app.kubernetes.io/instance="+app)
	}
	fifo := filepath.Join(vm.Root(s.lab), configDir, "pipe")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	_, err := vm.Run(ctx, s.lab, "mkfifo "+configDir+"/pipe")
	s.must(err)
	call(failed, staging, cluster.Kubeconfig(s.lab), out)
	s.must(os.Remove(fifo))
	call(failed, staging, s.closed(), out)
	s.refusals()
	call(failed, full, cluster.Kubeconfig(s.lab), out)
	call(failed, curious, cluster.Kubeconfig(s.lab), out)
	if _, err := os.Stat(out); err == nil {
		s.t.Error("a conversion that was refused has written something")
	}
	call(done, production, cluster.Kubeconfig(s.lab), filepath.Join(s.Dir, "config-of-production"))
	call(done, staging, cluster.Kubeconfig(s.lab), out)
	return out
}

// lines are those of the JSON document in what was printed.
func lines(text string) string {
	from, to := strings.Index(text, "{"), strings.LastIndex(text, "}")
	if from < 0 || to < from {
		return ""
	}
	return text[from : to+1]
}

// render writes the manifests from facts of the machine, and against a quota that is
// too small.
func (s *suite) render() {
	s.t.Helper()
	s.use()
	facts := s.rehome([]int{done}, append([]string{"probe", "--unit", app, "--for", "0s", "-o", "json"}, s.machine()...)...)
	s.must(os.WriteFile(filepath.Join(s.Dir, "facts.json"), []byte(lines(facts)), 0o600))
	quota := filepath.Join(s.Dir, "quota.json")
	s.must(os.WriteFile(quota, []byte(`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ResourceQuota",
		"metadata":{"name":"small","namespace":"royal-bank"},"spec":{"hard":{"pods":"0"}},"status":{"hard":{"pods":"0"},"used":{"pods":"0"}}}]}`), 0o600))
	with := []string{"render", s.File(), "--facts", filepath.Join(s.Dir, "facts.json"), "--out", filepath.Join(s.Dir, "deploy"), "-o", "json"}
	s.rehome([]int{done, blocked}, with...)
	s.rehome([]int{blocked}, append(with, "--quota", quota)...)
	s.rehome([]int{done, blocked}, "workload", s.File(), "--facts", filepath.Join(s.Dir, "facts.json"))
	s.rehome([]int{done, failed, blocked}, "scan", s.Dir)
}

// use writes into the migration's file what moves: the application of this suite,
// with the mounts that convert has written.
func (s *suite) use() {
	s.t.Helper()
	document := func(file string) (doc map[string]any) {
		text, err := os.ReadFile(file)
		s.must(err)
		s.must(yaml.Unmarshal(text, &doc))
		return doc
	}
	doc, converted := document(s.File()), document(filepath.Join(s.Dir, "config", "mounts.yaml"))
	spec := doc["spec"].(map[string]any)
	machine := spec["vms"].([]any)[0].(map[string]any)
	machine["unit"], machine["port"], machine["configDirs"] = app+".service", json.Number(port), []string{configDir}
	workload := spec["workloads"].([]any)[0].(map[string]any)
	workload["ports"].([]any)[0].(map[string]any)["port"] = json.Number(port)
	for key, value := range converted {
		workload[key] = value
	}
	drills := spec["drills"].(map[string]any)
	delete(drills, "approved")
	text, err := yaml.Marshal(doc)
	s.must(err)
	s.must(os.WriteFile(s.File(), text, 0o644))
}

// image builds one. A file with a secret among those that would be taken stops it, and
// a registry refuses it.
func (s *suite) image() {
	s.t.Helper()
	base, err := s.ApproveBase(s.t.Context())
	s.must(err)
	build := func(want int, to, out string) string {
		return s.rehome([]int{want}, "image", s.File(), "--build", "--facts", filepath.Join(s.Dir, "facts.json"), "--base", base, "--root", vm.Root(s.lab),
			"--entrypoint", programs+"/royal-bank-api", "--entrypoint", "-config", "--entrypoint", configDir, "--with", programs,
			"--push", to, "--out", filepath.Join(s.Dir, out))
	}
	left := filepath.Join(vm.Root(s.lab), programs)
	s.must(os.WriteFile(left+"/.env", s.plant.files["bank.env"], 0o644)) // left where it is, by its name
	s.must(os.WriteFile(left+"/defaults.ini", s.plant.files["bank.ini"], 0o644))
	build(blocked, registry.Host()+"/canary:told", "told")
	s.must(os.Remove(left + "/defaults.ini"))
	build(failed, s.registry()+"/canary:refused", "refused")
	printed := build(done, registry.Host()+"/canary:built", "built")
	_, ref, _ := strings.Cut(printed, "\nimage: ")
	s.must(s.UseImage(strings.TrimSpace(ref)))
	s.rehome([]int{done, blocked}, "image", s.File(), "-o", "json")
}

// stage drives to the drills: a quota leaves no pod, a drill fails since somebody has
// changed a password, all is well, and the process is killed.
func (s *suite) stage() {
	s.t.Helper()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.Reset(ctx, 30); err != nil {
			s.t.Error(err)
		}
	})
	s.must(s.SetPolicy("deploy.rollout", "4s"))
	s.rehome([]int{blocked}, "run", s.File())
	for _, codes := range [][]string{{"--unjudged"}, {"RESOURCES", "BASE-IMAGE", "LATENCY-P99", "HEALTH", "SESSIONS", "STATE-DISK", "SIGTERM-RACE", "SIGTERM", "CONFIG-RO"}} {
		s.rehome([]int{done}, append(append([]string{"waive", demo.Name}, codes...), "--reason", "this suite is about secrets", "--until", "1h")...)
	}
	s.forget("-n", staging, "resourcequota", "canary-none")
	s.kubectl(`{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"canary-none"},"spec":{"hard":{"pods":"0"}}}`, "-n", staging, "create", "-f", "-")
	s.says("exceeded quota", s.rehome([]int{blocked}, "run", s.File()))
	s.kubectl("", "-n", staging, "delete", "resourcequota", "canary-none")
	s.kubectl("", "-n", staging, "delete", "replicaset", "-l", "app.kubernetes.io/managed-by=rehome") // or its controller waits before it tries again
	s.must(s.SetPolicy("deploy.rollout", "1m"))

	ini := filepath.Join(vm.Root(s.lab), configDir, "bank.ini")
	before := s.plant.files["bank.ini"]
	s.must(os.WriteFile(ini, bytes.ReplaceAll(before, s.plant.secrets["ini password"], s.plant.secrets["rotated password"]), 0o640))
	s.says("CONFIG-DROP", s.rehome([]int{blocked}, "run", s.File()))
	s.must(os.WriteFile(ini, before, 0o640))
	s.tracedUntil(s.Command(context.Background(), "run", s.File(), "--again"), []int{blocked, waiting}, s.behindStage)
	if !s.behindStage() {
		s.t.Error("the drills of staging have not passed")
	}
	s.directories(filepath.Join(s.Dir, "state")) // as the kill has left it
}

// says demands a word in what was printed.
func (s *suite) says(word, printed string) {
	s.t.Helper()
	if !strings.Contains(printed, word) {
		s.t.Errorf("%q is not said:\n%s", word, printed)
	}
}

// behindStage reads in the journal whether step stage is done.
func (s *suite) behindStage() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	journal, err := sqlite.OpenReadOnly(ctx, filepath.Join(s.Dir, "state", "journal.db"))
	if err != nil {
		return false
	}
	defer journal.Close()
	recs, err := journal.Read(ctx, demo.Name, 0)
	if err != nil {
		return false
	}
	state, err := runbook.Fold(recs)
	return err == nil && migration.StepStage.Before(state.Step)
}
