package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/image/imagetest"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/wire"
)

// imageCanary is the secret of these tests: nothing may ever show it.
const imageCanary = "cAn4ry-9Kd2-image-8rTq"

// desk is a directory with a migration, a policy, a machine's disk and its facts,
// and a registry beside it.
type desk struct {
	*testing.T
	dir      string
	registry imagetest.Registry
}

func newDesk(t *testing.T) desk {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	d := desk{t, t.TempDir(), imagetest.NewRegistry(t)}
	d.registry.Put("base/shell:1", "", nil, map[string]string{"bin/sh": "#!", "etc/passwd": "root:x:0:0::/:\n"})
	d.image(d.registry.Put("royal-bank-api", "998", map[string]string{"org.opencontainers.image.base.name": d.registry.Host + "/base/shell:1"}, map[string]string{"app": "x"}))
	d.write("disk/opt/bank/run", "#!/bin/sh\nexec sleep 1\n")
	d.write("disk/opt/bank/rates.csv", "gold,1\n")
	d.write("disk/etc/bank/bank.conf", "password="+imageCanary+"\n")
	d.write("disk/var/lib/dpkg/info/dash.list", "/bin/sh\n")
	d.write("disk/srv/backup.tar", strings.Repeat("x", 4096))
	d.facts(func(*inventory.Facts) {})
	return d
}

// image writes the migration and its policy, with the workload's image.
func (d desk) image(ref string) {
	d.Helper()
	for _, name := range []string{"royal-bank-api.yaml", "policy.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", "move", name))
		if err != nil {
			d.Fatal(err)
		}
		out := strings.Replace(string(text), "registry.golemtrust.am/base/*", d.registry.Host+"/base/*", 1)
		if at := strings.Index(out, "      image: "); at >= 0 {
			out = out[:at] + "      image: " + ref + out[at+strings.IndexByte(out[at:], '\n'):]
		}
		d.write(name, out)
	}
}

func (d desk) write(name, text string) {
	d.Helper()
	at := filepath.Join(d.dir, name)
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if err == nil {
		err = os.WriteFile(at, []byte(text), mode)
	}
	if err != nil {
		d.Fatal(err)
	}
}

func (d desk) facts(change func(*inventory.Facts)) {
	d.Helper()
	f := inventory.Facts{
		Looked:    []inventory.Subject{inventory.SubjectPrograms, inventory.SubjectFiles},
		Processes: []inventory.Process{{Main: true, UID: 998, Executable: "/bin/sh", Command: []string{"/bin/sh", "/opt/bank/run"}}},
		Programs:  []inventory.Program{{Path: "/bin/sh", Package: "dash 0.5.12"}, {Path: "/opt/bank/run"}},
		Files: []inventory.File{{Path: "/etc/bank/bank.conf", Class: inventory.FileConfig, By: []string{"fd"}},
			{Path: "/opt/bank/rates.csv", Class: inventory.FileOther, By: []string{"fd"}}},
		Listeners: []inventory.Listener{{Protocol: "tcp", Port: 8080}},
	}
	change(&f)
	data, err := inventory.Encode(inventory.Report{Machines: []inventory.Facts{f}})
	if err != nil {
		d.Fatal(err)
	}
	d.write("facts.json", string(data))
}

// rehome calls the program there, and looks that it shows no secret.
func (d desk) rehome(args ...string) (code int, out, errs string) {
	d.Helper()
	var stdout, stderr strings.Builder
	for i, a := range args {
		args[i] = strings.NewReplacer("DIR", d.dir, "HOST", d.registry.Host).Replace(a)
	}
	env := map[string]string{"HOME": d.dir, "REHOME_STATE": filepath.Join(d.dir, "state"), "REHOME_AS": "angua"}
	code = cli.Run(context.Background(), cli.Program{
		Args: args, Name: "rehome", Stdout: &stdout, Stderr: &stderr, Getenv: func(k string) string { return env[k] }, Zone: time.UTC, Registry: wire.Standard(),
	})
	if strings.Contains(stdout.String()+stderr.String(), imageCanary) {
		d.Errorf("%v shows the secret", args)
	}
	return code, stdout.String(), stderr.String()
}

const migrationFile = "DIR/royal-bank-api.yaml"

func TestImageChecks(t *testing.T) {
	d := newDesk(t)
	if code, out, errs := d.rehome("image", migrationFile); code != 0 || !strings.Contains(out, "pass BASE-IMAGE") || !strings.Contains(out, "pass IMAGE-SECRETS") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	d.registry.Put("bad:1", "", nil, map[string]string{"opt/x.properties": "db.password=" + imageCanary + "\n"})
	code, out, errs := d.rehome("image", migrationFile, "--image", "HOST/bad:1")
	for _, want := range []string{"fail BASE-IMAGE", "fail IMAGE-DIGEST", "fail IMAGE-USER", "fail IMAGE-SECRETS: 1 secret", "/opt/x.properties:1 db.password", "hint: ", "is sha256:"} {
		if code != 3 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, errs)
		}
	}
	code, out, _ = d.rehome("image", migrationFile, "--image", "HOST/bad:1", "-o", "json")
	var r struct {
		OK     bool
		Images []struct {
			Findings []struct {
				Code, Verdict, Remedy string
				Evidence              []struct {
					File, KeyPath string
					Line          int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 3 || r.OK || len(r.Images) != 1 || len(r.Images[0].Findings) != 6 {
		t.Errorf("%d: %v\n%s", code, err, out)
	}
	d.image("127.0.0.1:1/silent@sha256:" + strings.Repeat("a", 64))
	if code, out, errs := d.rehome("image", migrationFile); code != 3 || strings.Count(out, "unknown ") != 5 || !strings.Contains(out, "curl -v") {
		t.Errorf("a registry that is silent: %d\n%s%s", code, out, errs)
	}
}

func TestImageBuilds(t *testing.T) {
	d := newDesk(t)
	build := []string{"image", migrationFile, "--build", "--facts", "DIR/facts.json", "--base", "HOST/base/shell:1", "--root", "DIR/disk"}
	call := func(more ...string) (int, string, string) {
		d.Helper()
		return d.rehome(append(append([]string{}, build...), more...)...)
	}
	code, out, errs := call("--dry-run", "--push", "HOST/bank:1", "--out", "DIR/out")
	for _, want := range []string{"takes /opt/bank/run (", "undecided /opt/bank", "would push", "times as much", "digest: sha256:"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(d.dir, "out")); err == nil || strings.Contains(out, "image: ") {
		t.Error("--dry-run has written something")
	}
	code, out, errs = call("--push", "HOST/bank:1", "--out", "DIR/out", "--sbom", "DIR/sbom.json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := lines[len(lines)-1]
	if code != 0 || !strings.HasPrefix(last, "image: "+d.registry.Host+"/bank@sha256:") || !strings.HasPrefix(lines[len(lines)-2], "digest: sha256:") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	for _, name := range []string{"out/Dockerfile", "out/rootfs/opt/bank/run", "out/sbom.spdx.json", "sbom.json"} {
		if _, err := os.Stat(filepath.Join(d.dir, name)); err != nil {
			t.Error(err)
		}
	}
	// What was pushed passes the check, under the line that was printed.
	d.image(strings.TrimPrefix(last, "image: "))
	if code, out, errs := d.rehome("image", migrationFile); code != 0 {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	d.write("disk/opt/bank/bank.properties", "db.password="+imageCanary+"\n")
	code, out, _ = call("--with", "/opt/bank", "--push", "HOST/bank:2")
	if code != 3 || !strings.Contains(out, "fail IMAGE-SECRETS: /opt/bank/bank.properties:1 db.password") || strings.Contains(out, "digest:") {
		t.Errorf("a secret in a file: %d\n%s", code, out)
	}
	code, out, _ = call("-o", "json", "--with", "/etc/bank")
	if code != 3 || !strings.Contains(out, `"ok": false`) || !strings.Contains(out, "configuration is converted") {
		t.Errorf("configuration: %d\n%s", code, out)
	}
}

func TestImageMistakes(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--push", "x"}, 2, "--push needs --build"},
		{[]string{"--max-size", "big"}, 2, "is no size"},
		{[]string{"--workload", "other"}, 2, "declares no workload other"},
		{[]string{"--build", "--with", "opt"}, 2, "is not absolute"},
		{[]string{"--build", "--facts", "DIR/facts.json"}, 2, "which base?"},
		{[]string{"--build", "--root", "DIR/gone", "--facts", "DIR/facts.json", "--base", "scratch"}, 2, "is no directory"},
		{[]string{"--build", "--host", "ftp://x", "--facts", "DIR/facts.json", "--base", "scratch"}, 2, "--host ftp://x"},
		{[]string{"--build", "--root", "DIR/disk", "--facts", "DIR/facts.json", "--base", "HOST/base/gone:1"}, 1, "there is no such image"},
		{[]string{"--build", "--root", "DIR/disk", "--facts", "DIR/facts.json", "--base", "HOST/base/shell:1", "--push", "127.0.0.1:1/x"}, 1, "curl -v"},
		{[]string{"--build", "--root", "DIR/disk", "--facts", "DIR/facts.json", "--base", "HOST/base/shell:1", "--out", "DIR/disk"}, 1, "not empty"},
		{[]string{"--build", "--root", "DIR/disk", "--facts", "DIR/facts.json", "--base", "scratch"}, 3, ""},
	} {
		code, out, errs := d.rehome(append([]string{"image", migrationFile}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) || code != 3 && !strings.Contains(errs, "rehome: hint: ") {
			t.Errorf("%v: %d, wanted %d and %q\n%s%s", c.args, code, c.code, c.want, out, errs)
		}
	}
}
