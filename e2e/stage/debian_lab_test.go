//go:build lab

package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/drill"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/tree/disk"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/legacy"
	"rehome.dev/rehome/lab/part"
)

// debian is where a Debian system with applications that nobody here wrote lies.
func debian(ctx context.Context) (string, error) {
	l, err := legacy.New(part.NewProgress(os.Stderr, false))
	if err != nil {
		return "", err
	}
	return l.System(ctx)
}

// trees are directories of configuration of Debian's packages, as they are
// installed.
var trees = []string{"/etc/nginx", "/etc/redis", "/etc/postgresql", "/etc/tomcat10", "/etc/postfix", "/etc/php", "/etc/haproxy", "/etc/supervisor"}

// written are trees in the manner of programs that Debian does not have or that
// write their configuration themselves: a wiki in PHP, dashboards with an ini file.
var written = map[string]string{
	"/etc/mediawiki/LocalSettings.php": "<?php\n# The wiki of the watch house\n$wgSitename = \"Watch\";\n$wgDBtype = \"mysql\";\n$wgDBserver = \"db.golemtrust.am\";\n" +
		"$wgDBuser = \"wiki\";\n$wgDBpassword = \"CANARY-wiki-7f3a91\";\n$wgSecretKey = \"CANARY4c1f0d6e2b7a8593CANARY\";\n",
	"/etc/mediawiki/apache.conf":              "Alias /mediawiki /var/lib/mediawiki\n<Directory /var/lib/mediawiki/>\n\tRequire all granted\n</Directory>\n",
	"/etc/grafana/grafana.ini":                "[server]\nhttp_port = 3000\n\n[database]\ntype = postgres\nhost = db.golemtrust.am:5432\npassword = \"\"\"CANARY#dash;board\"\"\"\n\n[security]\nadmin_user = admin\nsecret_key = CANARYsw2YcwTIb9zpOOhoPsMm\n",
	"/etc/grafana/provisioning/ds/prom.yaml":  "apiVersion: 1\ndatasources:\n  - name: Prometheus\n    type: prometheus\n    url: http://prometheus:9090\n",
	"/etc/grafana/provisioning/my notes.txt":  "what the dashboards show\n",
	"/etc/grafana/provisioning/.hidden/empty": "",
	"/etc/grafana/ldap.toml":                  "[[servers]]\nhost = \"ldap.golemtrust.am\"\nbind_password = 'CANARY ldap'\n",
}

// TestConfigurationOfDebianMakesTheRoundTrip converts directories as they are, puts
// what comes out into the cluster, and lets the drill compare every file.
func TestConfigurationOfDebianMakesTheRoundTrip(t *testing.T) {
	system, err := debian(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	for name, text := range written {
		file := filepath.Join(own, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	roots := map[string]string{"/etc/mediawiki": own, "/etc/grafana": own}
	for _, dir := range trees {
		roots[dir] = system
	}
	s := newStage(t, nil)
	var mounts []migration.Mount
	for _, dir := range append([]string{"/etc/mediawiki", "/etc/grafana"}, trees...) {
		mounts = append(mounts, s.convert(roots[dir], dir)...)
	}
	s.spec.VMs = []migration.VM{{Host: "debian", ConfigDirs: append([]string{"/etc/mediawiki", "/etc/grafana"}, trees...)}}
	s.spec.Workloads[0].Mounts = append(s.spec.Workloads[0].Mounts, mounts...)
	s.spec.Workloads[0].Security.FilesGroup = 65532
	s.ports.Drills.(*drill.Drills).Machines = rooted(roots)
	s.deploy()
	res := s.drill(migration.DrillRoundTrip)
	if res.Verdict != migration.Pass {
		t.Errorf("%s: %s", res.Verdict, res.Text)
	}
	var files int
	if _, err := fmt.Sscan(res.Text, &files); err != nil || files < 100 {
		t.Errorf("%d files were compared: %s", files, res.Text)
	}
}

// rooted reads trees of several file systems, each by the directory's name.
type rooted map[string]string

func (r rooted) Tree(ctx context.Context, _ migration.VM, _ migration.SSH, dir string) (tree.Tree, error) {
	got, err := disk.Read(ctx, filepath.Join(r[dir], dir), disk.Options{Partial: true})
	got.Root = dir
	return got, err
}

// convert converts a directory of a system below root, as a person would who is on
// it, applies what comes out, and gives the mounts. What may be a secret is one, and
// what leads out of the directory is left out, by name.
func (s *stage) convert(root, dir string) []migration.Mount {
	s.t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(dir, "/etc/"), ".", "-")
	out := filepath.Join(s.t.TempDir(), name)
	args := []string{"convert", dir, "--name", name, "--namespace", s.branch.Staging(), "--out", out, "--doubtful-secret",
		"--kubeconfig", cluster.Kubeconfig(s.lab), "--apply", "-o", "json"}
	stdout, stderr, err := s.on(root, args...)
	if left := s.decide(name, stdout, filepath.Join(filepath.Dir(out), "rehome.convert.yaml")); len(left) > 0 {
		for _, path := range left {
			s.spec.Drills.Approved = append(s.spec.Drills.Approved, filepath.Join(dir, path)+" is left out")
		}
		stdout, stderr, err = s.on(root, args...)
	}
	if err != nil {
		s.t.Fatalf("convert %s: %v\n%s\n%s", dir, err, stdout, stderr)
	}
	var report struct {
		Files   []struct{ Path, Placement string }
		Objects []struct{ Kind, Name string }
	}
	if err := json.Unmarshal(stdout, &report); err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%s: %d files, %v", dir, len(report.Files), report.Objects)
	s.t.Cleanup(func() {
		for _, o := range report.Objects {
			_, _ = cluster.Kubectl(context.Background(), s.lab, nil, "-n", s.branch.Staging(), "delete", "--ignore-not-found", o.Kind, o.Name)
		}
	})
	s.noCanary(name, stdout, stderr, out)
	text, err := os.ReadFile(filepath.Join(out, "mounts.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var snippet struct {
		Security *v1alpha1.Security `json:"security"`
		Mounts   []v1alpha1.Mount   `json:"mounts"`
	}
	if err := yaml.UnmarshalStrict(text, &snippet); err != nil {
		s.t.Fatal(err)
	}
	var mounts []migration.Mount
	for _, m := range snippet.Mounts {
		one := migration.Mount{ConfigMap: m.ConfigMap, Secret: m.Secret, Path: m.Path, Env: m.Env}
		for _, i := range m.Items {
			mode, _ := strconv.ParseInt(i.Mode, 8, 32) // none is none
			one.Items = append(one.Items, migration.MountItem{Key: i.Key, Path: i.Path, Mode: int32(mode)})
		}
		mounts = append(mounts, one)
	}
	return mounts
}

// decide writes that what leads out of the directory is skipped, and gives the paths.
func (s *stage) decide(name string, report []byte, file string) []string {
	s.t.Helper()
	var r struct {
		Problems []struct {
			Path string
			Open bool
		}
	}
	if json.Unmarshal(report, &r) != nil {
		return nil // it was converted at once, or says why not
	}
	type decision struct {
		File string `json:"file"`
		Is   string `json:"is"`
	}
	var left []string
	var all []decision
	for _, p := range r.Problems {
		if p.Open {
			left, all = append(left, p.Path), append(all, decision{p.Path, "skip"})
		}
	}
	if len(left) == 0 {
		return nil
	}
	text, err := yaml.Marshal(map[string]any{"name": name, "decisions": all})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return left
}

// on runs rehome where /etc is that of a system below root.
func (s *stage) on(root string, args ...string) (stdout, stderr []byte, err error) {
	script := `mount --make-rprivate / && mount --bind "$1"/etc /etc && shift && exec "$@"`
	argv := append([]string{"--mount", "sh", "-c", script, "sh", root, s.lab.StatePath("bin", "rehome")}, args...)
	cmd := exec.CommandContext(s.t.Context(), "unshare", argv...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

// noCanary demands that no secret of the written trees is in what convert has said
// or written.
func (s *stage) noCanary(name string, stdout, stderr []byte, out string) {
	s.t.Helper()
	seen := [][]byte{stdout, stderr}
	err := filepath.WalkDir(out, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		seen = append(seen, text)
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	for _, text := range seen {
		if bytes.Contains(text, []byte("CANARY")) {
			s.t.Errorf("%s: a secret is in what was written", name)
		}
	}
}
