package secrets_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

func TestRef(t *testing.T) {
	for text, want := range map[string]secrets.Ref{
		"vault:kv/bank#password":    {Path: "kv/bank", Key: "password"},
		"vault:a/b/c/d#app.conf":    {Path: "a/b/c/d", Key: "app.conf"},
		"vault:/kv/bank/#x#y":       {Path: "kv/bank", Key: "x#y"},
		"vault:kv/bank-1_2.x#a/b:c": {Path: "kv/bank-1_2.x", Key: "a/b:c"},
	} {
		got, err := secrets.ParseRef(text)
		if err != nil || got != want || !secrets.IsRef(text) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "hunter2", "vault:", "vault:hunter2", "vault:hunter2#k", "vault:kv/hunter2#", "vault:kv/../hunter2#k", "vault:kv//hunter2#k", "vault:kv/hunter2?v=1#k",
		"vault:kv/hunter2\n#k", "vault:../hunter2#k", "vault:#hunter2", "https://hunter2"} {
		if got, err := secrets.ParseRef(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func FuzzRef(f *testing.F) {
	f.Add("vault:kv/bank#password")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := secrets.ParseRef(text)
		if err != nil {
			return
		}
		if again, err := secrets.ParseRef(r.String()); err != nil || again != r {
			t.Errorf("%q: %+v, %+v, %v", text, r, again, err)
		}
	})
}

func FuzzAppendText(f *testing.F) {
	f.Add("a\"b\\\n\x00\u2028é")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(secrets.AppendText(nil, []byte(text)), &got); err != nil || utf8.ValidString(text) && got != text {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	})
}

func TestError(t *testing.T) {
	err := error(&secrets.Error{Op: "write x", Err: secrets.ErrForbidden, Why: "create", Help: "grant it"})
	if err.Error() != "write x: it is forbidden: create" || !errors.Is(err, secrets.ErrForbidden) {
		t.Error(err)
	}
}

func TestForget(t *testing.T) {
	v := tree.Content("hunter2")
	o := convert.Object{Data: map[string]tree.Content{"a": v}}
	secrets.Forget([]convert.Object{o, {}})
	if strings.Trim(string([]byte(v)), "\x00") != "" || len(o.Data) > 0 {
		t.Errorf("%q, %v", []byte(v), o.Data)
	}
}
