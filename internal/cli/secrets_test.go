package cli_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/memory"
	"rehome.dev/rehome/internal/secrets/vault/vaulttest"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/wire"
)

// keystore is a secret that is no text.
const keystore = "\x00\xff" + loud + "\xfe\x01"

// piping is a conversion whose Secrets a vault keeps, and a pipeline that brings them
// to a cluster in memory.
type piping struct {
	*converting
	vault *vaulttest.Server
	lent  lent
}

// lent is a store that keeps hold of the values that it was lent.
type lent struct {
	secrets.Store
	values []tree.Content
}

func (l *lent) Put(ctx context.Context, objs []convert.Object, dryRun bool) ([]secrets.Receipt, error) {
	for _, o := range objs {
		l.values = slices.AppendSeq(l.values, maps.Values(o.Data))
	}
	return l.Store.Put(ctx, objs, dryRun)
}

// newPiping converts two files that need two Secrets, a key store and a property that
// becomes an environment variable.
func newPiping(t *testing.T, flags ...string) *piping {
	t.Helper()
	c := newConverting(t, map[string]string{
		"bank.ini": "port = 8080\n", "a.ini": "password = " + loud + "\n#" + strings.Repeat("a", 700<<10) + "\n",
		"b.ini": "password = " + loud + "-b\n#" + strings.Repeat("b", 700<<10) + "\n", "key.p12": keystore,
		"application.properties": "spring.datasource.password=" + loud + "-c\n",
	})
	if err := os.Chmod(filepath.Join(c.dir, "key.p12"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &piping{converting: c, vault: vaulttest.Start(t)}
	c.env["VAULT_ADDR"], c.env["VAULT_TOKEN"] = p.vault.URL, vaulttest.Root
	p.convert(flags...)
	p.vault.Policy("reader", map[string][]string{"kv/data/apps/bank/": {"read"}})
	p.vault.Token("hvs.reader-"+loud, "reader", 0)
	c.env["VAULT_TOKEN"] = "hvs.reader-" + loud
	return p
}

func (p *piping) convert(flags ...string) {
	p.t.Helper()
	p.call(append([]string{"convert", p.dir, "--name", "bank", "--namespace", "royal", "--mount", "/etc/bank", "--out", p.out,
		"--secrets", "vault", "--vault-path", "kv/apps/bank", "--extract", "--doubtful-secret", "--apply"}, flags...), 0)
	p.store = &memory.Store{} // the ConfigMaps are there
}

// call runs the program with the real store of a vault, and the cluster in memory.
func (p *piping) call(args []string, want int) (stdout, stderr string) {
	p.t.Helper()
	var out, errs strings.Builder
	r := wire.Standard()
	r.Stores["kubernetes"] = func(o wire.StoreOrder) (secrets.Store, error) {
		if o.Owner != "bank" || !slices.Equal(o.Namespaces, []string{"royal"}) {
			p.t.Errorf("the store is ordered for %s in %v", o.Owner, o.Namespaces)
		}
		p.lent.Store = p.store
		return &p.lent, nil
	}
	code := cli.Run(p.t.Context(), cli.Program{
		Args: args, Name: "rehome", Stdout: &out, Stderr: &errs, Zone: time.UTC, Registry: r, NameCost: 1,
		Getenv: func(k string) string { return p.env[k] },
	})
	p.said.WriteString(out.String() + errs.String())
	if code != want {
		p.t.Fatalf("%v: exit code %d, want %d: %s%s", args[0], code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// bring brings the Secrets; fails demands that it does not, says why, and changes nothing.
func (p *piping) bring(flags ...string) string {
	p.t.Helper()
	out, _ := p.call(append([]string{"secrets", p.out}, flags...), 0)
	return out
}

func (p *piping) fails(wants []string, flags ...string) {
	p.t.Helper()
	before := p.store.Writes()
	_, errs := p.call(append([]string{"secrets", p.out}, flags...), 1)
	for _, want := range append(wants, "rehome: hint:") {
		if !strings.Contains(errs, want) {
			p.t.Errorf("no %q in %s", want, errs)
		}
	}
	if p.store.Writes() != before {
		p.t.Errorf("%d Secrets were written", p.store.Writes()-before)
	}
	p.quiet()
}

// kept are the names of what the vault keeps.
func (p *piping) kept() []string {
	p.t.Helper()
	var names []string
	for _, o := range reportOf(p.t, p.outBytes()["report.json"]).Objects {
		if o.Kind == convert.Secret {
			names = append(names, o.Name)
		}
	}
	if len(names) != 3 {
		p.t.Fatalf("the conversion has the Secrets %v", names)
	}
	return names
}

func (p *piping) edit(file, before, after string) {
	p.t.Helper()
	at := filepath.Join(p.out, file)
	b, err := os.ReadFile(at)
	if err == nil && !strings.Contains(string(b), before) {
		err = fmt.Errorf("%s has no %q", file, before)
	}
	if err == nil {
		err = os.WriteFile(at, []byte(strings.ReplaceAll(string(b), before, after)), 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// What was converted into the vault comes byte for byte into the cluster.
func TestSecretsBringsAll(t *testing.T) {
	p := newPiping(t)
	if out := p.bring("--dry-run"); p.store.Writes() != 0 || strings.Count(out, "would be written") != 3 {
		t.Errorf("a dry run: %d writes\n%s", p.store.Writes(), out)
	}
	r := reportOf(t, p.bring("-o", "json"))
	if len(r.Applied) != 3 || r.Applied[0].Done != secrets.Written || p.store.Writes() != 3 {
		t.Errorf("%d writes, %+v", p.store.Writes(), r.Applied)
	}
	brought := map[string]string{}
	for _, name := range p.kept() {
		for key, v := range p.store.Holds(convert.Secret, "royal", name) {
			brought[key] = string([]byte(v))
		}
	}
	for _, key := range []string{"a.ini", "b.ini", "key.p12"} {
		if want, err := os.ReadFile(filepath.Join(p.dir, key)); err != nil || brought[key] != string(want) {
			t.Errorf("%s is not what was read: %v", key, err)
		}
	}
	if got := brought["APPLICATION_PROPERTIES_SPRING_DATASOURCE_PASSWORD"]; got != loud+"-c" || len(brought) != 4 {
		t.Errorf("the keys are %v", slices.Sorted(maps.Keys(brought)))
	}
	if out := p.bring(); p.store.Writes() != 3 || strings.Count(out, "there already") != 3 {
		t.Errorf("again: %d writes\n%s", p.store.Writes(), out)
	}
	p.quiet()
}

// Nothing of a value is in memory that can be reached when the command ends, whether it
// has written or not.
func TestSecretsForgets(t *testing.T) {
	p := newPiping(t)
	p.bring("--dry-run")
	p.bring()
	p.store.Deny()
	p.fails([]string{"it is forbidden"})
	if len(p.lent.values) < 4*3 {
		t.Fatalf("the store has seen %d values", len(p.lent.values))
	}
	for _, v := range p.lent.values {
		if strings.Trim(string([]byte(v)), "\x00") != "" {
			t.Fatal("a value is still there")
		}
	}
}

// Each way to log in is one by the environment, and a login is given back.
func TestSecretsLogsIn(t *testing.T) {
	p := newPiping(t)
	jwt := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(jwt, []byte("jwt-"+loud+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.vault.AppRole("role-1", "id-"+loud, "reader", 1, time.Hour)
	p.vault.PodRole("pipeline", "jwt-"+loud, "reader")
	delete(p.env, "VAULT_TOKEN")
	tokens := len(p.vault.Tokens())
	p.fails([]string{"there is no token", "$VAULT_TOKEN"})
	p.env["REHOME_VAULT_AUTH"], p.env["VAULT_ROLE_ID"], p.env["VAULT_SECRET_ID"] = "approle", "role-1", "id-"+loud
	p.bring()
	p.fails([]string{"credentials are not accepted", "make a new one"}) // the secret id is used up
	p.env["REHOME_VAULT_AUTH"], p.env["REHOME_VAULT_ROLE"], p.env["REHOME_VAULT_JWT_FILE"] = "kubernetes", "pipeline", jwt
	p.bring()
	p.env["REHOME_VAULT_ROLE"] = "another"
	p.fails([]string{"credentials are not accepted", "role another"})
	p.env["REHOME_VAULT_AUTH"] = "drawer"
	p.fails([]string{"choose token, approle or kubernetes"})
	if got := len(p.vault.Tokens()); got != tokens {
		t.Errorf("%d tokens are left, %d were there", got, tokens)
	}
	for _, line := range p.vault.Asked() {
		if strings.Contains(line, loud) {
			t.Error("a credential is in an address")
		}
	}
	p.quiet()
}

// A value that was changed, by whomever, does not come under a name that is not its.
func TestSecretsRotated(t *testing.T) {
	p := newPiping(t)
	name := p.kept()[0]
	at := "kv/apps/bank/" + name
	before := p.vault.Holds(at)
	changed := maps.Clone(before)
	changed["a.ini"] = "password = " + loud + "-2\n"
	p.vault.Write(at, changed)
	p.fails([]string{"the names do not fit", at, "convert again", "--name-key"})
	p.fails([]string{"the names do not fit"}, "--dry-run")
	p.vault.Write(at, before)
	p.bring()

	p = newPiping(t)
	for _, name := range p.kept() {
		if held := p.vault.Holds("kv/apps/bank/" + name); held["key.p12"] != "" {
			held["key.p12"] = loud + "; no base64"
			p.vault.Write("kv/apps/bank/"+name, held)
		}
	}
	p.fails([]string{"under key.p12 is no base64", "vault kv rollback"})
}

// A conversion with a key for the names needs that key, and no other.
func TestSecretsNameKey(t *testing.T) {
	dir := t.TempDir()
	key, other := filepath.Join(dir, "key"), filepath.Join(dir, "other")
	for file, b := range map[string]string{key: "k", other: "o"} {
		if err := os.WriteFile(file, []byte(strings.Repeat(b, 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newPiping(t, "--name-key", key)
	p.fails([]string{"the names do not fit", "was it converted with --name-key?"})
	p.fails([]string{"the names do not fit", "not the key that it was converted with"}, "--name-key", other)
	p.bring("--name-key", key)
	if p.store.Writes() != 3 {
		t.Errorf("%d writes", p.store.Writes())
	}
	p.quiet()
}

// What is missing, deleted, forbidden, sealed or away: nothing is written before all
// is read.
func TestSecretsMissing(t *testing.T) {
	p := newPiping(t)
	names := p.kept()
	first, last := "kv/apps/bank/"+names[0], "kv/apps/bank/"+names[2]
	full := p.vault

	half := vaulttest.Start(t) // the conversion was interrupted before the last
	half.Policy("reader", map[string][]string{"kv/data/apps/bank/": {"read"}})
	half.Token(p.env["VAULT_TOKEN"], "reader", 0)
	for _, name := range names[:2] {
		half.Write("kv/apps/bank/"+name, full.Holds("kv/apps/bank/"+name))
	}
	p.env["VAULT_ADDR"] = half.URL
	p.fails([]string{"read " + last, "nothing was ever written there", "--secrets vault --apply"})

	p.env["VAULT_ADDR"] = full.URL
	held := full.Holds(first)
	lacking := maps.Clone(held)
	delete(lacking, "a.ini")
	full.Write(first, lacking)
	p.fails([]string{"no text is kept under vault:" + first + "#a.ini"})
	full.Write(first, held)
	full.Delete(last)
	p.fails([]string{"read " + last, "was deleted", "vault kv undelete"})
	full.Policy("reader", map[string][]string{"kv/data/apps/bank/": {"list"}})
	p.fails([]string{"it is forbidden", `capabilities = ["read"]`})
	full.Seal()
	p.fails([]string{"it is sealed", "unseal"})
	full.Close()
	p.fails([]string{"it cannot be reached"})
	delete(p.env, "VAULT_ADDR")
	p.fails([]string{"set VAULT_ADDR"})
}

// A cluster that refuses, or that has something else there, gets nothing.
func TestSecretsCluster(t *testing.T) {
	p := newPiping(t)
	other := convert.Object{Kind: convert.Secret, Namespace: "royal", Name: p.kept()[2]}
	p.store.Replace(other)
	p.fails([]string{"something else is there"})
	p.store.Deny()
	p.fails([]string{"it is forbidden"})
	p.fails([]string{"it is forbidden"}, "--dry-run")
	if n := len(p.store.Holds(convert.Secret, "royal", p.kept()[0])); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}

// What is not a conversion into a vault, or was changed, is said before the vault is
// asked.
func TestSecretsOut(t *testing.T) {
	p := newPiping(t)
	asked := len(p.vault.Asked())
	name := p.kept()[0]
	for _, c := range []struct{ file, before, after, want string }{
		{"secrets.yaml", "kv/apps/bank/" + name, "kv/apps/mint/" + name, "do not say the same"},
		{"secrets.yaml", "name: " + name, "name: " + name[:len(name)-1] + "x", "do not say the same"},
		{"secrets.yaml", "namespace: royal", "namespace: other", "do not say the same"},
		{"secrets.yaml", "secrets:", "secret:", "cannot be read"},
		{"report.json", "rehome.dev/convert/v1", "rehome.dev/convert/v9", "no report of a conversion"},
		{"report.json", `"namespace": "royal"`, `"namespace": "../kube-system"`, "its name or namespace is none"},
		{"report.json", `"mounts.yaml"`, `"annotations.yaml"`, "the vault's agent brings the files"},
		{"report.json", `"mounts.yaml"`, `"externalsecret.yaml"`, "the operator makes the Secrets"},
	} {
		whole := p.outBytes()[c.file]
		p.edit(c.file, c.before, c.after)
		p.fails([]string{c.want})
		if err := os.WriteFile(filepath.Join(p.out, c.file), []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"secrets.yaml", "report.json"} { // both say it, and it leads elsewhere
		p.edit(file, "kv/apps/bank/"+name, "kv/apps/mint/others")
	}
	p.fails([]string{"is not kept under its own name"})
	if err := os.Remove(filepath.Join(p.out, "secrets.yaml")); err != nil {
		t.Fatal(err)
	}
	p.fails([]string{"names other Secrets"})
	if got := len(p.vault.Asked()); got != asked {
		t.Errorf("the vault was asked %d times", got-asked)
	}

	c := newConverting(t, map[string]string{"db.ini": "password = " + loud + "\n"})
	if code, _, errs := c.run(); code != 0 {
		t.Fatal(errs)
	}
	(&piping{converting: c}).fails([]string{"converted with --secrets kubernetes", "rehome convert … --apply", "--secrets vault"})
	c = newConverting(t, map[string]string{"bank.ini": "port = 8080\n"})
	if code, _, errs := c.run(); code != 0 {
		t.Fatal(errs)
	}
	if out := (&piping{converting: c}).bring(); !strings.Contains(out, "found no secret") {
		t.Error(out)
	}
	c.out = t.TempDir()
	(&piping{converting: c}).fails([]string{"report.json", "rehome convert --out has written"})
}
