package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/memory"
	"rehome.dev/rehome/internal/wire"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// loud is a secret of the configurations that are converted here.
const loud = "Grimble-Thrace-7741"

// converting is a directory to convert, and a program with a store in memory.
type converting struct {
	t        *testing.T
	dir, out string
	store    *memory.Store
	said     strings.Builder
	env      map[string]string
}

func newConverting(t *testing.T, files map[string]string) *converting {
	t.Helper()
	work := t.TempDir()
	c := &converting{t: t, dir: filepath.Join(work, "etc"), out: filepath.Join(work, "out"), store: &memory.Store{}, env: map[string]string{"HOME": work}}
	for name, content := range files {
		c.write(name, content)
	}
	return c
}

func (c *converting) write(name, content string) {
	c.t.Helper()
	at := filepath.Join(c.dir, name)
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if err == nil {
		err = os.WriteFile(at, []byte(content), 0o644)
	}
	if err == nil {
		err = os.Chmod(at, 0o644)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// run converts, and gives the exit code and what was said.
func (c *converting) run(flags ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	var out, errs strings.Builder
	r := wire.Standard()
	store := func(wire.StoreOrder) (secrets.Store, error) { return c.store, nil }
	r.Stores = map[string]func(wire.StoreOrder) (secrets.Store, error){"kubernetes": store, "vault": store}
	code = cli.Run(c.t.Context(), cli.Program{
		Args: append([]string{"convert", c.dir, "--name", "bank", "--namespace", "royal", "--mount", "/etc/bank", "--out", c.out}, flags...),
		Name: "rehome", Stdout: &out, Stderr: &errs, Zone: time.UTC, Registry: r, NameCost: 1, Getenv: func(k string) string { return c.env[k] },
	})
	c.said.WriteString(out.String() + errs.String())
	return code, out.String(), errs.String()
}

// quiet demands that no byte of the secret was said, or is in a file but the one that
// was read, and that nothing half done lies about.
func (c *converting) quiet() {
	c.t.Helper()
	if strings.Contains(c.said.String(), loud) {
		c.t.Error("the secret was said")
	}
	err := filepath.WalkDir(filepath.Dir(c.dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == c.dir:
			return filepath.SkipDir
		case strings.Contains(path, ".rehome-convert"):
			c.t.Errorf("%s was left behind", path)
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(loud)) {
				c.t.Errorf("the secret is in %s", path)
			}
			return err
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// outBytes are all files of OUT.
func (c *converting) outBytes() map[string]string {
	c.t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(c.out)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(c.out, e.Name()))
		if err != nil {
			c.t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

type convertReport struct {
	Files   []convert.File
	Objects []struct {
		Kind convert.Kind
		Name string
		Keys []string
	}
	Applied []secrets.Receipt
}

func reportOf(t *testing.T, text string) convertReport {
	t.Helper()
	var r convertReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// Only --apply writes a Secret, from memory; a second call finds it there.
func TestConvertApplies(t *testing.T) {
	c := newConverting(t, map[string]string{"bank.ini": "port = 8080\n", "db.ini": "password = " + loud + "\n"})
	if code, _, errs := c.run(); code != 0 || c.store.Writes() != 0 {
		t.Fatalf("exit code %d, %d writes: %s", code, c.store.Writes(), errs)
	}
	if code, out, _ := c.run("--apply", "--dry-run"); code != 0 || c.store.Writes() != 0 || !strings.Contains(out, "would be written") {
		t.Errorf("a dry run: exit code %d, %d writes: %s", code, c.store.Writes(), out)
	}
	code, out, errs := c.run("--apply", "-o", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	r := reportOf(t, out)
	for _, o := range r.Objects {
		for key, v := range c.store.Holds(o.Kind, "royal", o.Name) {
			want, err := os.ReadFile(filepath.Join(c.dir, key))
			if err != nil || !bytes.Equal(want, v) {
				t.Errorf("%s %s, key %s: %v", o.Kind, o.Name, key, err)
			}
		}
	}
	if len(r.Applied) != 2 || r.Applied[0].Done != secrets.Written {
		t.Errorf("%+v", r.Applied)
	}
	writes := c.store.Writes()
	if code, out, _ := c.run("--apply"); code != 0 || c.store.Writes() != writes || !strings.Contains(out, "there already") {
		t.Errorf("again: exit code %d, %d writes: %s", code, c.store.Writes(), out)
	}
	c.quiet()
}

// What fails changes nothing: neither OUT nor the store.
func TestConvertFailsWhole(t *testing.T) {
	c := newConverting(t, map[string]string{"bank.ini": "port = 8080\n", "db.ini": "password = " + loud + "\n"})
	if code, _, errs := c.run(); code != 0 {
		t.Fatal(errs)
	}
	before := c.outBytes()
	c.write("bank.ini", "port = 8081\n")
	c.store.Deny()
	if code, _, errs := c.run("--apply"); code != 1 || !strings.Contains(errs, "forbidden") {
		t.Errorf("a store that refuses: exit code %d: %s", code, errs)
	}
	c.write("large.bin", strings.Repeat(loud, 2<<20/len(loud)))
	if code, out, errs := c.run("--apply"); code != 1 || !strings.Contains(out, "TOO-LARGE: large.bin") || !strings.Contains(errs, "nothing was written") {
		t.Errorf("a file of 2 MiB: exit code %d: %s%s", code, out, errs)
	}
	if err := os.Remove(filepath.Join(c.dir, "large.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(c.dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := c.run("--apply"); code != 1 || !strings.Contains(out, "LINK-LOOP: loop") {
		t.Errorf("a loop of links: exit code %d: %s", code, out)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := c.run("--apply"); code != 1 || !strings.Contains(errs, "rehome: hint:") {
		t.Errorf("no directory: exit code %d: %s", code, errs)
	}
	if fmt.Sprint(c.outBytes()) != fmt.Sprint(before) || c.store.Writes() != 0 {
		t.Error("OUT or the store has changed")
	}
	c.quiet()
}

// What is written can be read again by whoever reads YAML, byte for byte.
func TestConvertWritesWhatItRead(t *testing.T) {
	files := map[string]string{
		"plain": "a = 1\n", "no end": "a = 1", "empty": "", "windows": "a = 1\r\nb = 2\r\n", "tabs": "\ta\n\n\n  b  \n", "yaml": "--- |\n# x: {}\n- '\"'\n", "bom": "\ufeffa = 1\n",
		"nul": "a\x00b", "latin": "caf\xe9\n", "lines\nin name": "x = 1\n", "nel": "a\u0085b\u2028c\n", "long": strings.Repeat("word ", 5000) + "\n", "escape": "\x1b[1m\n", "yes": "yes", "null": "~", "space": " \n ", "€": "ü = €\n", "folded": "  leading\nthen\n", "-dash": "\n\n",
	}
	r := rand.New(rand.NewPCG(3, 9))
	letters := []rune("ab: -#\n\n\t'\"|>{}[]&*!%@\\é€\u00a0\u2029\U0001F600\r")
	for i := range 200 {
		text := make([]rune, r.IntN(40))
		for j := range text {
			text[j] = letters[r.IntN(len(letters))]
		}
		files[fmt.Sprintf("random/%d", i)] = string(text)
	}
	c := newConverting(t, files)
	code, out, errs := c.run("-o", "json", "--doubtful-secret")
	if code != 0 {
		t.Fatal(errs)
	}
	data := map[string]string{}
	for name, text := range c.outBytes() {
		if !strings.HasPrefix(name, "configmap") {
			continue
		}
		var m struct {
			Data       map[string]string
			BinaryData map[string][]byte
		}
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		for k, v := range m.Data {
			data[k] = v
		}
		for k, v := range m.BinaryData {
			data[k] = string(v)
		}
	}
	seen := 0
	for _, f := range reportOf(t, out).Files {
		if f.Placement == convert.InConfigMap {
			seen++
			if data[f.Key] != files[f.Path] {
				t.Errorf("%q: %q becomes %q", f.Path, files[f.Path], data[f.Key])
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d files are in ConfigMaps", seen)
	}
}

// What mounts.yaml says is what the file of a migration takes, and gives one projected
// volume.
func TestConvertMountsFitAMigration(t *testing.T) {
	c := newConverting(t, map[string]string{"bank.ini": "port = 8080\n", "conf.d/db.ini": "password = " + loud + "\n"})
	if err := os.Chmod(filepath.Join(c.dir, "conf.d/db.ini"), 0o640); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := c.run(); code != 0 {
		t.Fatal(errs)
	}
	var snippet map[string]any
	if err := yaml.Unmarshal([]byte(c.outBytes()["mounts.yaml"]), &snippet); err != nil {
		t.Fatal(err)
	}
	work := moveFiles(t)
	file := filepath.Join(work, "royal-bank-api.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := yaml.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	workload := document["spec"].(map[string]any)["workloads"].([]any)[0].(map[string]any)
	workload["mounts"], workload["security"] = snippet["mounts"], snippet["security"]
	if b, err = yaml.Marshal(document); err == nil {
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := config.Load(file, "")
	if err != nil {
		t.Fatal(err)
	}
	objs, err := manifest.Objects(l.Spec, migration.Production, migration.PartWorkload, l.Spec.Workloads[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := manifest.YAML(objs)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"projected:", "path: conf.d/db.ini", "mode: 416", "fsGroup: 65532", "readOnly: true"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// 5,000 files are converted in one go, and the volume has them all.
func TestConvertManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 5000 {
		files[fmt.Sprintf("conf.d/%02d/site-%04d.conf", i%50, i)] = fmt.Sprintf("listen = %d\n", i)
	}
	c := newConverting(t, files)
	code, out, errs := c.run("-o", "json")
	if code != 0 || len(reportOf(t, out).Files) != 5000 {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// A vault keeps the Secrets; the cluster fetches them in the version that it serves, or
// the vault's agent brings all files.
func TestConvertToVault(t *testing.T) {
	c := newConverting(t, map[string]string{"bank.ini": "port = 8080\n", "db.ini": "password = " + loud + "\n"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/apis/external-secrets.io":
			fmt.Fprint(w, `{"kind":"APIGroup","apiVersion":"v1","name":"external-secrets.io","versions":[{"groupVersion":"external-secrets.io/v1beta1","version":"v1beta1"}],"preferredVersion":{"groupVersion":"external-secrets.io/v1beta1","version":"v1beta1"}}`)
		case "/apis/external-secrets.io/v1beta1":
			fmt.Fprint(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"external-secrets.io/v1beta1","resources":[{"name":"externalsecrets","namespaced":true,"kind":"ExternalSecret","verbs":["get"]}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\nclusters: [{name: c, cluster: {server: '" + server.URL + "'}}]\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	vault := []string{"--secrets", "vault", "--vault-path", "kv/apps/bank"}
	code, _, errs := c.run(append(vault, "--emit", "external-secret", "--secret-store", "golem", "--kubeconfig", kubeconfig, "--apply")...)
	if code != 0 {
		t.Fatal(errs)
	}
	files := c.outBytes()
	if got := files["externalsecret.yaml"]; !strings.Contains(got, "external-secrets.io/v1beta1") || !strings.Contains(got, "key: apps/bank/bank-secret-") || !strings.Contains(files["kustomization.yaml"], "externalsecret.yaml") {
		t.Errorf("%s\n%s", got, files["kustomization.yaml"])
	}
	if c.store.Writes() != 2 || !strings.Contains(files["report.json"], `"placement": "Vault"`) {
		t.Errorf("%d writes\n%s", c.store.Writes(), files["report.json"])
	}
	if code, _, errs := c.run(append(vault, "--emit", "injector", "--vault-role", "bank")...); code != 0 {
		t.Fatal(errs)
	}
	files = c.outBytes()
	if got := files["annotations.yaml"]; !strings.Contains(got, "vault.hashicorp.com/agent-inject-file-f000: bank.ini") || files["configmap.yaml"] != "" || files["mounts.yaml"] != "" {
		t.Errorf("%s", got)
	}
	server.Close()
	before := fmt.Sprint(files)
	if code, _, errs := c.run(append(vault, "--emit", "external-secret", "--secret-store", "golem", "--kubeconfig", kubeconfig)...); code != 1 || !strings.Contains(errs, "look up which version of ExternalSecret") {
		t.Errorf("no cluster: exit code %d: %s", code, errs)
	}
	if fmt.Sprint(c.outBytes()) != before {
		t.Error("OUT has changed")
	}
	c.quiet()
}

// The key of the names is read from a file, and one that is too short is refused.
func TestConvertNameKey(t *testing.T) {
	c := newConverting(t, map[string]string{"db.ini": "password = " + loud + "\n"})
	key := filepath.Join(t.TempDir(), "key")
	name := func(content string) (string, string) {
		if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := c.run("--name-key", key, "-o", "json")
		if code != 0 {
			return "", errs
		}
		return reportOf(t, out).Objects[0].Name, errs
	}
	a, _ := name(strings.Repeat("a", 32))
	b, _ := name(strings.Repeat("b", 32))
	if a == "" || a == b {
		t.Errorf("%q and %q", a, b)
	}
	if got, errs := name("short"); got != "" || !strings.Contains(errs, "less than 16 bytes") {
		t.Errorf("%q: %s", got, errs)
	}
	c.quiet()
}

// A directory of another machine is read over ssh into memory: what is written is what
// the same directory gives here, and nothing of it stays on the way.
func TestConvertOverSSH(t *testing.T) {
	server, agent := sshdtest.Start(t), agentBinary(t)
	c := newConverting(t, map[string]string{"bank.ini": "port = 8080\n", "conf.d/db.ini": "password = " + loud + "\n", "with space.conf": "a = 1\n"})
	if code, _, errs := c.run(); code != 0 {
		t.Fatal(errs)
	}
	here := c.outBytes()
	if err := os.RemoveAll(c.out); err != nil {
		t.Fatal(err)
	}
	over := []string{"--host", server.URL(), "--identity", server.Key, "--known-hosts", server.KnownHosts, "--agent", agent}
	if code, _, errs := c.run(over...); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if there := c.outBytes(); fmt.Sprint(there) != fmt.Sprint(here) {
		t.Errorf("over ssh:\n%v\nhere:\n%v", there, here)
	}
	c.dir += "/nowhere"
	if code, _, errs := c.run(over...); code != 1 || !strings.Contains(errs, "nowhere") {
		t.Errorf("a directory that is not there: exit code %d: %s", code, errs)
	}
	c.dir = filepath.Dir(c.dir)
	c.quiet()
}
