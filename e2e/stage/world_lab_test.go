//go:build lab

package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/wire"
	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

func TestMain(m *testing.M) {
	if labtest.Outside() {
		if _, err := debian(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "stage: error: %v\n", err)
			os.Exit(1)
		}
	}
	if err := useAgent(); err != nil {
		fmt.Fprintf(os.Stderr, "stage: error: %v\n", err)
		os.Exit(1)
	}
	labtest.Main(m)
}

// useAgent lets drills be made by the agent that the lab builds.
func useAgent() error {
	lab, err := part.New(part.NewProgress(os.Stderr, false))
	if err != nil {
		return err
	}
	return os.Setenv("REHOME_AGENT", lab.StatePath("bin", "rehome-agent"))
}

// stage is the bank in the staging namespace of a branch, and everything that a drill
// of it needs.
type stage struct {
	t        *testing.T
	branch   branch.Branch
	lab      *part.Lab
	ports    engine.Ports
	spec     migration.Spec
	policy   migration.Policy
	machines inventory.Report
}

// newStage deploys the lab's bank, changed, to the staging namespace.
func newStage(t *testing.T, change func(*migration.Spec)) *stage {
	t.Helper()
	s := prepared(t, change)
	s.deploy()
	return s
}

// prepared is a stage on which nothing is deployed yet.
func prepared(t *testing.T, change func(*migration.Spec)) *stage {
	t.Helper()
	t.Parallel()
	b := labtest.Branch(t)
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	w, err := demo.NewWorld(t.Context(), lab, filepath.Join(t.TempDir(), "move"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.At(b); err != nil {
		t.Fatal(err)
	}
	images, err := w.Images()
	if err == nil {
		err = w.UseImage(images.Good)
	}
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(w.File(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, branch: b, lab: lab, spec: loaded.Spec, policy: loaded.Policy}
	s.spec.Drills.For = 5 * time.Second
	if change != nil {
		change(&s.spec)
	}
	if s.ports, err = wire.Standard().Ports(s.spec, s.policy); err != nil {
		t.Fatal(err)
	}
	s.machines = s.dialling()
	t.Cleanup(s.clear)
	s.clear()
	return s
}

// dialling are facts of a machine that dials the bank's database: what a probe of it
// says, as far as a drill asks.
func (s *stage) dialling() inventory.Report {
	return inventory.Report{Machines: []inventory.Facts{{
		Target: inventory.Target{Host: network.VM.Address.String()}, Looked: []inventory.Subject{inventory.SubjectPeers},
		Peers: []inventory.Peer{{Direction: inventory.Dialled, Protocol: "tcp", Address: network.DB.Address.String(), Port: 5432,
			Name: "db.golemtrust.am", NameFrom: "configuration"}},
	}}}
}

func (s *stage) workload() string { return s.spec.Workloads[0].Name }

func (s *stage) deploy() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := s.ports.Cluster.Apply(ctx, s.spec, migration.Apply{
		Env: migration.Staging, Part: migration.PartWorkload, Workload: s.workload(),
		Digest: s.spec.WorkloadDigest(migration.Staging, s.workload()),
	})
	if out != migration.OutcomeDone {
		s.t.Fatalf("deploy: %s: %v", out, err)
	}
	err = part.Poll(ctx, 250*time.Millisecond, func(ctx context.Context) error {
		f, err := s.ports.Cluster.Observe(ctx, s.spec, migration.Staging)
		if err == nil && (len(f.Workloads) == 0 || !f.Workloads[0].RolledOut || len(f.Workloads[0].Pods) != int(s.spec.Workloads[0].Replicas)) {
			err = fmt.Errorf("not rolled out: %+v", f.Workloads)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// clear leaves nothing of rehome's in the staging namespace.
func (s *stage) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, s.lab, nil, "-n", s.branch.Staging(), "delete", "deployment,statefulset,replicaset,service,pod",
		"-l", "app.kubernetes.io/managed-by=rehome", "--wait=true", "--timeout=90s"); err != nil {
		s.t.Error(err)
	}
}

func (s *stage) kubectl(stdin []byte, args ...string) string {
	s.t.Helper()
	out, err := cluster.Kubectl(s.t.Context(), s.lab, stdin, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// drill makes one, and demands that nothing is left of it and no secret is told.
func (s *stage) drill(name migration.StagingDrill) migration.DrillResult {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	a := migration.RunDrill{Env: migration.Staging, Drill: name, Workload: s.workload(), Settings: s.spec.DrillSettings(name)}
	res, err := s.ports.Drills.Drill(ctx, s.spec, s.policy, a, s.machines)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%s: %s in %s: %s (%s)\n  %s", name, res.Verdict, res.Took.Round(100*time.Millisecond), res.Text, res.Remedy, strings.Join(res.Evidence, "\n  "))
	if left := s.kubectl(nil, "-n", s.branch.Staging(), "get", "pod,service", "-l", "rehome.dev/drill", "-o", "name"); left != "" {
		s.t.Errorf("%s has left %s", name, left)
	}
	s.silent(res)
	return res
}

// silent demands that none of the bank's secrets is in a result.
func (s *stage) silent(v any) {
	s.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, secret := range s.secrets() {
		if strings.Contains(string(text), secret) {
			s.t.Error("a secret is told")
		}
	}
}

func (s *stage) secrets() []string {
	s.t.Helper()
	here, err := os.ReadFile(filepath.Join(vm.Root(s.lab), vm.ConfigDir, "db.conf"))
	if err != nil {
		s.t.Fatal(err)
	}
	texts := []string{string(here)}
	for _, ns := range []string{s.branch.Staging(), s.branch.Namespace} {
		var secret struct{ Data map[string][]byte }
		if err := json.Unmarshal([]byte(s.kubectl(nil, "-n", ns, "get", "secret", "royal-bank-api-secrets", "-o", "json")), &secret); err != nil {
			s.t.Fatal(err)
		}
		for _, text := range secret.Data {
			texts = append(texts, string(text))
		}
	}
	var out []string
	for _, text := range texts {
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(line, "=")
			if key = strings.TrimSpace(key); key == "db_password" || key == "api_key" {
				out = append(out, strings.TrimSpace(value))
			}
		}
	}
	if len(out) < 6 {
		s.t.Fatal(errors.New("not all secrets are known"))
	}
	return out
}

// eventually looks until check is content.
func (s *stage) eventually(check func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := part.Poll(ctx, 250*time.Millisecond, func(context.Context) error { return check() }); err != nil {
		s.t.Fatal(err)
	}
}

// restore puts a key of a ConfigMap back, also after the test.
func (s *stage) restore(object, key, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := cluster.Kubectl(ctx, s.lab, nil, "-n", s.branch.Staging(), "patch", "configmap", object, "--type=merge", "-p", fmt.Sprintf(`{"data":{%q:%q}}`, key, text))
	if err != nil {
		s.t.Error(err)
	}
}
