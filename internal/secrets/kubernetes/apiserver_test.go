package kubernetes_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets/kubernetes"
	"rehome.dev/rehome/internal/secrets/secretstest"
)

type object = map[string]any

// apiServer answers like a Kubernetes API server as far as immutable Secrets and
// ConfigMaps, server-side apply of them, access reviews and discovery go. As a real
// one does, it repeats in its errors what it was sent. The real one is asked by the
// suite that is tagged lab.
type apiServer struct {
	*httptest.Server

	mu      sync.Mutex
	objects map[string]object // by path
	sent    strings.Builder
	writes  int
	denied  bool
	refuses bool
	// answer, where it gives true, has answered in the server's stead.
	answer func(http.ResponseWriter, *http.Request, string) bool
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{objects: map[string]object{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) store(namespaces ...string) *kubernetes.Store {
	return kubernetes.New(kubernetes.Options{
		Config: func() (*rest.Config, error) { return &rest.Config{Host: s.URL, QPS: -1}, nil },
		Owner:  "royal-bank", Namespaces: namespaces,
	})
}

func (s *apiServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.Write(body)
	if s.answer != nil && s.answer(w, r, string(body)) {
		return
	}
	switch {
	case r.URL.Path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		var review object
		_ = json.Unmarshal(body, &review)
		verb, _ := review["spec"].(object)["resourceAttributes"].(object)["verb"].(string)
		review["status"] = object{"allowed": !s.denied || verb == "get"}
		send(w, 201, review)
	case !strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/"):
		s.object(w, r.URL.Path)
	case !strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/bank/") && r.Method != http.MethodGet:
		fail(w, 404, "NotFound", `namespaces "x" not found`, object{"kind": "namespaces"})
	case r.Method == http.MethodPatch:
		s.apply(w, r, body)
	default:
		s.object(w, r.URL.Path)
	}
}

func (s *apiServer) object(w http.ResponseWriter, p string) {
	if o := s.objects[p]; o != nil {
		send(w, 200, o)
		return
	}
	fail(w, 404, "NotFound", "it is not there", object{"kind": "secrets"})
}

func (s *apiServer) apply(w http.ResponseWriter, r *http.Request, body []byte) {
	dryRun := r.URL.Query().Get("dryRun") == "All"
	var o object
	switch err := json.Unmarshal(body, &o); {
	case s.denied:
		fail(w, 403, "Forbidden", fmt.Sprintf(`secrets %q is forbidden: User "u" cannot create resource "secrets" in API group "" in the namespace "bank"`, path.Base(r.URL.Path)), nil)
	case s.refuses && !dryRun, err != nil, !strings.Contains(r.Header.Get("Content-Type"), "apply-patch"), r.URL.Query().Get("fieldManager") == "":
		fail(w, 422, "Invalid", "Invalid value: "+string(body), object{"causes": []any{object{"field": "data[app.conf]", "message": string(body)}, object{"field": string(body)}}})
	default:
		have := s.objects[r.URL.Path]
		if have["immutable"] == true && !(reflect.DeepEqual(have["data"], o["data"]) && reflect.DeepEqual(have["binaryData"], o["binaryData"])) {
			fail(w, 422, "Invalid", "field is immutable when `immutable` is set: "+string(body), nil)
			return
		}
		if !dryRun {
			s.writes++
			s.objects[r.URL.Path] = o
		}
		send(w, 200, o)
	}
}

func send(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, code int, reason, message string, details object) {
	send(w, code, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details})
}

func secretPath(name string) string { return "/api/v1/namespaces/bank/secrets/" + name }

// put has an object there as somebody put it; change makes it less than rehome's.
func (s *apiServer) put(o convert.Object, change func(object)) {
	data := object{}
	for k, v := range o.Data {
		data[k] = base64.StdEncoding.EncodeToString(v)
	}
	made := object{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true, "data": data, "metadata": object{
		"name": o.Name, "namespace": "bank", "labels": object{"app.kubernetes.io/managed-by": "rehome", "app.kubernetes.io/instance": "royal-bank"},
	}}
	if change != nil {
		change(made)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[secretPath(o.Name)] = made
}

func (s *apiServer) holds(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[secretPath(name)]
	if o == nil {
		return nil
	}
	out := map[string]string{}
	data, _ := o["data"].(object)
	for k, v := range data {
		b, _ := base64.StdEncoding.DecodeString(v.(string))
		out[k] = string(b)
	}
	return out
}

func (s *apiServer) with(change func()) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		change()
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	secretstest.Run(t, func(t *testing.T) secretstest.World {
		s := newAPIServer(t)
		return secretstest.World{
			Store: s.store(secretstest.Namespace), Holds: s.holds,
			Replace: func(o convert.Object) { s.put(o, nil) },
			Writes:  func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.writes },
			Sent:    func() string { s.mu.Lock(); defer s.mu.Unlock(); return s.sent.String() },
			Deny:    s.with(func() { s.denied = true }), Echo: s.with(func() { s.refuses = true }), Away: s.Close,
		}
	})
}
