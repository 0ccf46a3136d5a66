package vault_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/secretstest"
	"rehome.dev/rehome/internal/secrets/vault"
	"rehome.dev/rehome/internal/secrets/vault/vaulttest"
	"rehome.dev/rehome/internal/tree"
)

const (
	canary = "c4nary-in-the-vault"
	writer = "hvs.writer-canary"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// open gives a store with a token that may create and read below kv/apps/bank.
func open(t *testing.T, s *vaulttest.Server, change ...func(*vault.Options)) *vault.Store {
	t.Helper()
	s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"create", "read"}})
	s.Token(writer, "writer", 0)
	o := vault.Options{Address: s.URL, Path: "kv/apps/bank", Getenv: env(map[string]string{"VAULT_TOKEN": writer}), Now: s.Now}
	for _, c := range change {
		c(&o)
	}
	v, err := vault.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// text is how a value is kept: in base64 where it is none.
func text(v string) string {
	if strings.Contains(v, "\xff") {
		return base64.StdEncoding.EncodeToString([]byte(v))
	}
	return v
}

func plain(held map[string]string) map[string]string {
	if v, ok := held["binary"]; ok {
		b, _ := base64.StdEncoding.DecodeString(v)
		held["binary"] = string(b)
	}
	return held
}

func TestConformance(t *testing.T) {
	t.Parallel()
	secretstest.Run(t, func(t *testing.T) secretstest.World {
		s := vaulttest.Start(t)
		return secretstest.World{
			Store: open(t, s),
			Holds: func(name string) map[string]string { return plain(s.Holds("kv/apps/bank/" + name)) },
			Replace: func(o convert.Object) {
				data := map[string]string{}
				for k, v := range o.Data {
					data[k] = text(string([]byte(v)))
				}
				s.Write("kv/apps/bank/"+o.Name, data)
			},
			Writes: s.Writes, Sent: s.Sent, Echo: s.Echo, Away: s.Close,
			Deny: func() { s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"read"}}) },
		}
	})
}

func why(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return err.Error() + " (" + h.Hint() + ")"
	}
	return fmt.Sprint(err)
}

// says fails unless an error is of the kind, says what is wanted, and no secret.
func says(t *testing.T, err, kind error, wants ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v is not %q", err, kind)
		return
	}
	for _, w := range wants {
		if !strings.Contains(why(err), w) {
			t.Errorf("%s does not say %q", why(err), w)
		}
	}
	if strings.Contains(why(err), "canary") || strings.Contains(why(err), "c4nary") {
		t.Error(why(err))
	}
}

func object(name, value string) convert.Object {
	return convert.Object{Kind: convert.Secret, Namespace: "bank", Name: name, Data: map[string]tree.Content{"app.conf": tree.Content(value)}}
}

func put(t *testing.T, v *vault.Store, objs ...convert.Object) ([]secrets.Receipt, error) {
	t.Helper()
	return v.Put(t.Context(), objs, false)
}

func TestLogins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good, bad := write("jwt", "jwt-canary\n"), write("bad", "other-canary")
	none := filepath.Join(dir, "none")
	for name, c := range map[string]struct {
		auth  vault.Auth
		env   map[string]string
		fails []string
	}{
		"token":                     {vault.Auth{}, map[string]string{"VAULT_TOKEN": writer}, nil},
		"token of a variable":       {vault.Auth{TokenEnv: "T"}, map[string]string{"T": writer + "\n"}, nil},
		"token of a file":           {vault.Auth{TokenFile: write("token", writer+"\n")}, nil, nil},
		"no token":                  {vault.Auth{}, nil, []string{"there is no token", "$VAULT_TOKEN"}},
		"wrong token":               {vault.Auth{}, map[string]string{"VAULT_TOKEN": "wrong-canary"}, []string{"the vault answers 403", "vault token lookup"}},
		"token with a line's end":   {vault.Auth{}, map[string]string{"VAULT_TOKEN": "a-canary\nb"}, []string{"characters that none has"}},
		"no file":                   {vault.Auth{TokenFile: none}, nil, []string{"no such file", none}},
		"approle":                   {vault.Auth{Method: "approle"}, map[string]string{"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "id-canary"}, nil},
		"approle of files":          {vault.Auth{Method: "approle", RoleIDFile: write("role", "role"), SecretIDFile: write("id", "id-canary")}, nil, nil},
		"approle of another id":     {vault.Auth{Method: "approle"}, map[string]string{"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "other-canary"}, []string{"the vault answers 400", "make a new one"}},
		"approle without an id":     {vault.Auth{Method: "approle"}, map[string]string{"VAULT_ROLE_ID": "role"}, []string{"there is no secret id", "$VAULT_SECRET_ID"}},
		"kubernetes":                {vault.Auth{Method: "kubernetes", Role: "pod", JWTFile: good}, nil, nil},
		"kubernetes by variables":   {vault.Auth{JWTFile: good}, map[string]string{"REHOME_VAULT_AUTH": "kubernetes", "REHOME_VAULT_ROLE": "pod"}, nil},
		"a mount by a variable":     {vault.Auth{JWTFile: good}, map[string]string{"REHOME_VAULT_AUTH": "kubernetes", "REHOME_VAULT_ROLE": "pod", "REHOME_VAULT_AUTH_MOUNT": "/k8s/"}, []string{"403"}},
		"kubernetes of another pod": {vault.Auth{Method: "kubernetes", Role: "pod", JWTFile: bad}, nil, []string{"the vault answers 403", "does the role pod"}},
		"kubernetes of no role":     {vault.Auth{Method: "kubernetes", Role: "x", JWTFile: good}, nil, []string{"the vault answers 400", "does the role x"}},
		"kubernetes outside a pod":  {vault.Auth{Method: "kubernetes", Role: "pod", JWTFile: none}, nil, []string{"token of the pod cannot be read"}},
		"a method nobody mounted":   {vault.Auth{Method: "approle", Mount: "other"}, map[string]string{"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "id-canary"}, []string{"the vault answers 403"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := vaulttest.Start(t)
			s.AppRole("role", "id-canary", "writer", -1, time.Hour)
			s.PodRole("pod", "jwt-canary", "writer")
			v := open(t, s, func(o *vault.Options) { o.Auth, o.Getenv = c.auth, env(c.env) })
			err := v.Check(t.Context())
			if len(c.fails) > 0 {
				says(t, err, secrets.ErrCredentials, c.fails...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, err := put(t, v, object("bank-1", canary)); err != nil || r[0].Version != 1 || r[0].Place != "kv/apps/bank/bank-1" {
				t.Errorf("%+v, %v", r, err)
			}
			if err := v.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if left := s.Tokens(); len(left) != 2 {
				t.Errorf("the login was not given back, or the token that was given was: %d tokens", len(left))
			}
		})
	}
}

// A login ends; the next call makes a new one, while its secret id lasts.
func TestALoginThatEnds(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	s.AppRole("role", "id-canary", "writer", 2, time.Minute)
	v := open(t, s, func(o *vault.Options) {
		o.Auth.Method, o.Getenv = "approle", env(map[string]string{"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "id-canary"})
	})
	for i := range 2 {
		if err := v.Check(t.Context()); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		s.Advance(time.Minute)
	}
	says(t, v.Check(t.Context()), secrets.ErrCredentials, "make a new one")
}

func TestWhereThingsAreKept(t *testing.T) {
	t.Parallel()
	for path, c := range map[string]struct {
		kind  error
		wants []string
	}{
		"kv/apps/bank":  {nil, nil},
		"/kv/":          {nil, nil},
		"team/kv/apps":  {nil, nil},
		"old/apps":      {secrets.ErrRefused, []string{"version 1", "vault kv enable-versioning old"}},
		"pki/apps":      {secrets.ErrRefused, []string{"no key-value engine", "kv-v2"}},
		"none/apps":     {secrets.ErrForbidden, []string{"there is no engine at that path", "vault secrets list"}},
		"":              {secrets.ErrMissing, []string{"it names no mount", "MOUNT/PATH"}},
		"kv/invisible/": {nil, nil},
	} {
		s := vaulttest.Start(t)
		v := open(t, s, func(o *vault.Options) { o.Path, o.Getenv = path, env(map[string]string{"VAULT_TOKEN": vaulttest.Root}) })
		_, err := put(t, v, object("bank-1", canary))
		if c.kind == nil && err != nil || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if c.kind != nil {
			says(t, err, c.kind, c.wants...)
		}
		if c.kind == nil && s.Holds(strings.Trim(path, "/") + "/bank-1")["app.conf"] != canary {
			t.Errorf("%s: it is not there", path)
		}
	}
}

func TestAConfigMapDoesNotBelongThere(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	o := object("bank-1", canary)
	o.Kind = convert.ConfigMap
	_, err := put(t, open(t, s), object("bank-0", "x"), o)
	says(t, err, secrets.ErrRefused, "a ConfigMap has no secret")
	if s.Writes() != 0 {
		t.Error("something was written")
	}
}

// Somebody else writes between the look and the write: what they wrote stays.
func TestCheckAndSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		theirs string
		kind   error
	}{{"of somebody else", secrets.ErrDifferent}, {canary, nil}} {
		s := vaulttest.Start(t)
		v := open(t, s)
		s.Race(func() { s.Write("kv/apps/bank/bank-1", map[string]string{"app.conf": c.theirs}) })
		r, err := put(t, v, object("bank-1", canary))
		if c.kind != nil {
			says(t, err, c.kind, "version 1 holds other keys or values")
		} else if err != nil || r[0].Done != secrets.There || r[0].Version != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if s.Writes() != 0 || s.Versions("kv/apps/bank/bank-1") != 1 || s.Holds("kv/apps/bank/bank-1")["app.conf"] != c.theirs {
			t.Error("it was overwritten")
		}
	}
	s := vaulttest.Start(t) // and where they deleted what they wrote
	v := open(t, s)
	s.Race(func() {
		s.Write("kv/apps/bank/bank-1", map[string]string{"app.conf": "x"})
		s.Delete("kv/apps/bank/bank-1")
		s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"create", "read", "update"}})
	})
	_, err := put(t, v, object("bank-1", canary))
	says(t, err, secrets.ErrDifferent, "somebody else", "nothing was changed")
}

// A version that was deleted is made again, by who may update.
func TestADeletedVersion(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	v := open(t, s)
	s.Write("kv/apps/bank/bank-1", map[string]string{"app.conf": "x"})
	s.Delete("kv/apps/bank/bank-1")
	_, err := put(t, v, object("bank-1", canary))
	says(t, err, secrets.ErrForbidden, `capability "update" on kv/data/apps/bank/bank-1`)
	s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"create", "read", "update"}})
	r, err := put(t, v, object("bank-1", canary))
	if err != nil || r[0].Version != 2 || r[0].Done != secrets.Written {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPermissionsAreNamed(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	v := open(t, s)
	s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"create"}})
	_, err := put(t, v, object("bank-1", canary))
	says(t, err, secrets.ErrForbidden, `capability "read" on kv/data/apps/bank/bank-1`, `path "kv/data/apps/bank/*" { capabilities = ["create", "read"] }`)
	s.Policy("writer", map[string][]string{"kv/data/apps/bank/": {"read"}})
	says(t, v.Check(t.Context()), secrets.ErrForbidden, `capability "create"`)
}

func TestASealedVault(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	v := open(t, s)
	s.Seal()
	says(t, v.Check(t.Context()), secrets.ErrUnavailable, "it is sealed", "vault status")
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"": "VAULT_ADDR", "vault:8200": "none of the web", "ftp://vault": "none of the web", "http://vault.example.org:8200": "write https://", "http://192.0.2.1": "write https://",
		"https://root:hunter2-canary@vault": "leave them out",
	} {
		_, err := vault.New(vault.Options{Address: address, Getenv: env(nil)})
		says(t, err, secrets.ErrRefused, want)
	}
	for _, address := range []string{"https://vault.example.org", "http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost:8200"} {
		if _, err := vault.New(vault.Options{Getenv: env(map[string]string{"VAULT_ADDR": address})}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, o := range []vault.Options{{Path: "kv/../x"}, {Path: "kv/x?y"}, {Auth: vault.Auth{Method: "password"}}, {Auth: vault.Auth{Method: "kubernetes"}}} {
		o.Address, o.Getenv = "https://vault", env(nil)
		if _, err := vault.New(o); !errors.Is(err, secrets.ErrRefused) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	v, err := vault.New(vault.Options{Address: "https://vault", Path: "kv/x", CACert: "/none", Getenv: env(map[string]string{"VAULT_TOKEN": "x"})})
	if err != nil {
		t.Fatal(err)
	}
	says(t, v.Check(t.Context()), secrets.ErrRefused, "VAULT_CACERT: /none")
}

func TestValues(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	s.Policy("reader", map[string][]string{"kv/data/": {"read"}, "team/kv/data/": {"read"}, "kv/data/closed/": {"deny"}})
	s.Token("hvs.reader", "reader", 0)
	s.Write("kv/apps/bank", map[string]string{"a": canary, "b": "2"})
	s.Write("team/kv/x", map[string]string{"c": "3"})
	s.Write("kv/gone", map[string]string{"c": "3"})
	s.Delete("kv/gone")
	v := open(t, s, func(o *vault.Options) { o.Path, o.Getenv = "", env(map[string]string{"VAULT_TOKEN": "hvs.reader"}) })
	ref := func(text string) secrets.Ref {
		r, err := secrets.ParseRef(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got, err := v.Values(t.Context(), []secrets.Ref{ref("vault:kv/apps/bank#b"), ref("vault:team/kv/x#c"), ref("vault:kv/apps/bank#a")})
	if err != nil || string(got[0]) != "2" || string(got[1]) != "3" || string(got[2]) != canary {
		t.Fatalf("%v, %v", got, err)
	}
	reads := slices.DeleteFunc(s.Asked(), func(line string) bool { return line != "GET kv/data/apps/bank" })
	if len(reads) != 1 {
		t.Errorf("one path was read %d times", len(reads))
	}
	got, err = v.Values(t.Context(), []secrets.Ref{ref("vault:kv/apps/bank#a"), ref("vault:kv/apps/bank#none"), ref("vault:kv/gone#c"), ref("vault:kv/never#c"), ref("vault:kv/closed/x#c"), ref("vault:none/x#c")})
	says(t, err, secrets.ErrMissing, "vault:kv/apps/bank#none", "version 1 was deleted", "nothing was ever written there", `capability "read" on kv/data/closed/x`, "none/x")
	if got != nil {
		t.Error("some values are given all the same")
	}
}
