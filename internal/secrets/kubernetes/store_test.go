package kubernetes_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/kubernetes"
	"rehome.dev/rehome/internal/secrets/secretstest"
	"rehome.dev/rehome/internal/tree"
)

const canary = "c4nary-in-the-cluster"

func why(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return err.Error() + " (" + h.Hint() + ")"
	}
	return err.Error()
}

func TestAnObjectIsImmutableAndRehomes(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t)
	binary := "\x00\xff" + canary
	objs := []convert.Object{secretstest.Object("bank-1", "a"), {Kind: convert.ConfigMap, Namespace: "bank", Name: "bank-2", Data: map[string]tree.Content{
		"text": tree.Content("a \"b\"\\\n\u2028é\x7f"), "binary": tree.Content(binary), "empty": {},
	}}}
	if _, err := s.store().Put(t.Context(), objs, false); err != nil {
		t.Fatal(err)
	}
	secret, cm := s.objects[secretPath("bank-1")], s.objects["/api/v1/namespaces/bank/configmaps/bank-2"]
	for _, o := range []object{secret, cm} {
		labels := map[string]string{}
		for k, v := range o["metadata"].(object)["labels"].(object) {
			labels[k] = v.(string)
		}
		if o["immutable"] != true || !manifest.Ours(migration.Spec{Name: "royal-bank"}, labels) {
			t.Errorf("%v", o)
		}
	}
	if secret["type"] != "Opaque" || cm["type"] != nil || cm["data"].(object)["text"] != "a \"b\"\\\n\u2028é\x7f" || cm["data"].(object)["empty"] != "" || len(cm["binaryData"].(object)) != 1 {
		t.Errorf("%v\n%v", secret, cm)
	}
	r, err := s.store().Put(t.Context(), objs, false)
	if err != nil || r[0].Done != secrets.There || r[1].Done != secrets.There {
		t.Errorf("again: %+v, %v", r, err)
	}
	objs[1].Data["binary"] = tree.Content("\x00\xfe" + canary)
	if _, err := s.store().Put(t.Context(), objs, false); !errors.Is(err, secrets.ErrDifferent) || strings.Contains(why(err), "c4nary") {
		t.Errorf("%v", err)
	}
}

// What is there under the name counts only where it is rehome's own, cannot be
// changed, and is not about to go.
func TestWhatLooksTheSameAndIsNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(object)
		want   string
	}{
		"of nobody":        {func(o object) { delete(o["metadata"].(object), "labels") }, "not of rehome"},
		"of another":       {func(o object) { o["metadata"].(object)["labels"].(object)["app.kubernetes.io/instance"] = "x" }, "not of rehome for royal-bank"},
		"being deleted":    {func(o object) { o["metadata"].(object)["deletionTimestamp"] = "2026-11-22T00:00:00Z" }, "being deleted"},
		"can be changed":   {func(o object) { delete(o, "immutable") }, "not immutable"},
		"of another type":  {func(o object) { o["type"] = "kubernetes.io/tls" }, "other keys or values"},
		"no base64 at all": {func(o object) { o["data"].(object)["empty"] = "%" }, "other keys or values"},
	} {
		s := newAPIServer(t)
		o := secretstest.Object("bank-1", "a")
		s.put(o, c.change)
		_, err := s.store().Put(t.Context(), []convert.Object{o}, false)
		if !errors.Is(err, secrets.ErrDifferent) || !strings.Contains(why(err), c.want) || s.writes != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	status := func(code int, reason, message string, details object) func(http.ResponseWriter, *http.Request, string) bool {
		return func(w http.ResponseWriter, r *http.Request, body string) bool {
			if r.Method != http.MethodPatch {
				return false
			}
			fail(w, code, reason, message+body, details)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, string) bool
		kind   error
		want   []string
	}{
		"a quota":       {status(403, "Forbidden", "exceeded quota: q, requested: secrets=1 ", nil), secrets.ErrRefused, []string{"a quota of the namespace", "kubectl describe resourcequota -n bank"}},
		"create":        {status(403, "Forbidden", `User "u" cannot create resource "secrets" in `, nil), secrets.ErrForbidden, []string{`verb "create" on secrets`, "kubectl auth can-i create secrets -n bank"}},
		"no verb":       {status(403, "Forbidden", "an admission webhook says ", nil), secrets.ErrForbidden, []string{`verb "patch" on secrets`}},
		"credentials":   {status(401, "Unauthorized", "", nil), secrets.ErrCredentials, []string{"kubectl auth whoami"}},
		"no namespace":  {status(404, "NotFound", "", object{"kind": "namespaces"}), secrets.ErrMissing, []string{"there is no namespace bank", "kubectl create namespace bank"}},
		"a conflict":    {status(409, "Conflict", "", nil), secrets.ErrDifferent, []string{"somebody else"}},
		"an own reason": {status(422, "Invalid"+canary, "", nil), secrets.ErrRefused, []string{"the cluster answers 422"}},
		"fields":        {status(422, "Invalid", "", object{"causes": []any{object{"field": "data[" + canary + "]"}, object{"field": canary}, object{"field": "metadata.name"}}}), secrets.ErrRefused, []string{"422 Invalid, because of data, metadata"}},
		"its own fault": {status(500, "InternalError", "etcd: ", nil), secrets.ErrUnavailable, []string{"500 InternalError"}},
		"too large":     {status(413, "RequestEntityTooLarge", "", nil), secrets.ErrRefused, []string{"413 RequestEntityTooLarge"}},
		"no JSON whatever": {func(w http.ResponseWriter, _ *http.Request, body string) bool {
			w.WriteHeader(400)
			w.Write([]byte(body))
			return true
		}, secrets.ErrRefused, []string{"answers 400"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAPIServer(t)
			s.answer = c.answer
			o := convert.Object{Kind: convert.Secret, Namespace: "bank", Name: "bank-1", Data: map[string]tree.Content{"a": tree.Content(canary)}}
			_, err := s.store().Put(t.Context(), []convert.Object{o}, false)
			if !errors.Is(err, c.kind) {
				t.Fatalf("%v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(why(err), w) {
					t.Errorf("%s does not say %q", why(err), w)
				}
			}
			if strings.Contains(why(err), canary) || strings.Contains(why(err), "YzRuYXJ5") {
				t.Error(why(err))
			}
		})
	}
}

// What was written before a write failed is told, and a repetition goes on there.
func TestAWriteThatFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t)
	s.answer = func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == "" && strings.HasSuffix(r.URL.Path, "bank-2") {
			fail(w, 500, "InternalError", canary, nil)
			return true
		}
		return false
	}
	objs := []convert.Object{secretstest.Object("bank-1", "a"), secretstest.Object("bank-2", "b")}
	r, err := s.store().Put(t.Context(), objs, false)
	if err == nil || len(r) != 1 || r[0].Name != "bank-1" || r[0].Done != secrets.Written {
		t.Fatalf("%+v, %v", r, err)
	}
	s.answer = nil
	r, err = s.store().Put(t.Context(), objs, false)
	if err != nil || len(r) != 2 || r[0].Done != secrets.There || r[1].Done != secrets.Written {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestServed(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t)
	group := func(preferred string, versions ...string) {
		var vs []any
		for _, v := range versions {
			vs = append(vs, object{"version": v, "groupVersion": "external-secrets.io/" + v})
			s.objects["/apis/external-secrets.io/"+v] = object{"resources": []any{object{"name": "externalsecrets"}, object{"name": "externalsecrets/status"}}}
		}
		s.objects["/apis/external-secrets.io"] = object{"versions": vs, "preferredVersion": object{"version": preferred}}
	}
	ask := func() []string {
		t.Helper()
		got, err := s.store().Served(t.Context(), "external-secrets.io", "externalsecrets")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask(); got != nil {
		t.Errorf("a cluster without it: %v", got)
	}
	if group("v1", "v1", "v1beta1"); !slices.Equal(ask(), []string{"v1", "v1beta1"}) {
		t.Errorf("%v", ask())
	}
	if group("v1", "v1beta1", "v1"); !slices.Equal(ask(), []string{"v1", "v1beta1"}) {
		t.Errorf("%v", ask())
	}
	s.objects["/apis/external-secrets.io/v1"] = object{"resources": []any{object{"name": "clustergenerators"}}}
	if !slices.Equal(ask(), []string{"v1beta1"}) {
		t.Errorf("%v", ask())
	}
	s.Close()
	if _, err := s.store().Served(t.Context(), "external-secrets.io", "externalsecrets"); !errors.Is(err, secrets.ErrUnreachable) {
		t.Error(err)
	}
}

func TestAConfigurationThatIsNone(t *testing.T) {
	t.Parallel()
	none := errors.New("no kubeconfig")
	s := kubernetes.New(kubernetes.Options{Config: func() (*rest.Config, error) { return nil, none }, Namespaces: []string{"bank"}})
	if err := s.Check(t.Context()); !errors.Is(err, none) {
		t.Error(err)
	}
}

// Whatever a value is, the server reads what was meant.
func FuzzBody(f *testing.F) {
	f.Add("a", "b\"\\\n\x00\xff")
	f.Add("é\u2028", "\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, key, value string) {
		for _, kind := range []convert.Kind{convert.Secret, convert.ConfigMap} {
			body, err := kubernetes.Body(convert.Object{Kind: kind, Name: "n", Data: map[string]tree.Content{"k": tree.Content(value)}}, false)
			var o struct{ Data, BinaryData map[string]string }
			if err != nil || json.Unmarshal(body, &o) != nil || len(o.Data)+len(o.BinaryData) != 1 {
				t.Fatalf("%q: %v, %s", value, err, body)
			}
			if kind == convert.ConfigMap && len(o.Data) == 1 && o.Data["k"] != value {
				t.Errorf("%q became %q", value, o.Data["k"])
			}
			blank, err := kubernetes.Body(convert.Object{Kind: kind, Name: "n", Data: map[string]tree.Content{"k": tree.Content(value)}}, true)
			if err != nil || !json.Valid(blank) {
				t.Errorf("%q: %s", value, blank)
			}
		}
	})
}
