package health

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const canary = "canary-5f1e-secret-body"

// requests counts what a server was asked.
type requests struct {
	mu   sync.Mutex
	seen []string
}

func (r *requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, req.Method+" "+req.URL.Path+" "+req.UserAgent())
	r.mu.Unlock()
	switch req.URL.Path {
	case "/healthz":
		fmt.Fprint(w, canary)
	case "/readyz":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/ping":
		http.Redirect(w, req, "/elsewhere", http.StatusFound)
	default:
		http.NotFound(w, req)
	}
}

// finish asks listeners that are at the given addresses.
func finish(t *testing.T, paths []string, programs string, addresses ...string) (inventory.Facts, []inventory.Gap) {
	t.Helper()
	f := inventory.Facts{Processes: []inventory.Process{{PID: 7, Name: programs}}}
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(a, "http://"), "https://"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := net.LookupPort("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		f.Listeners = append(f.Listeners, inventory.Listener{Protocol: "tcp", Address: host, Port: n, Loopback: true, PIDs: []int{7}})
	}
	s := &scope.Scope{Request: inventory.Request{HealthPaths: paths}, Gaps: &scope.Gaps{}}
	New().Finish(t.Context(), s, &f)
	return f, s.Gaps.List()
}

func statuses(f inventory.Facts) string {
	var out []string
	for _, a := range f.Health {
		scheme, _, _ := strings.Cut(a.URL, ":")
		out = append(out, fmt.Sprintf("%s %s %d%s", scheme, a.Path, a.Status, a.Err))
	}
	return strings.Join(out, "; ")
}

func TestAnswers(t *testing.T) {
	app := &requests{}
	srv := httptest.NewServer(app)
	t.Cleanup(srv.Close)
	f, gaps := finish(t, nil, "app", srv.URL)
	want := "http /healthz 200; http /readyz 503; http /health 404; http /ready 404; http /actuator/health 404; http /status 404; http /ping 302"
	if got := statuses(f); got != want || len(gaps) > 0 {
		t.Errorf("got  %s\nwant %s\ngaps %v", got, want, gaps)
	}
	if strings.Contains(fmt.Sprint(f), canary) {
		t.Error("the body of an answer is in the facts")
	}
	for _, r := range app.seen {
		if !strings.HasPrefix(r, "GET ") || !strings.HasSuffix(r, "rehome-probe") || strings.Contains(r, "elsewhere") {
			t.Errorf("asked %s", r)
		}
	}
	if len(app.seen) != len(usual) {
		t.Errorf("%d requests for %d paths", len(app.seen), len(usual))
	}
}

func TestOverTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(&requests{})
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	f, _ := finish(t, []string{"/healthz", "/readyz"}, "app", srv.URL)
	if got := statuses(f); got != "https /healthz 200; https /readyz 503" {
		t.Errorf("got %s", got)
	}
}

// raw serves each connection by a function.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestWhatIsNotHTTPGivesNoAnswer(t *testing.T) {
	var got sync.Map
	for name, serve := range map[string]func(net.Conn){
		"speaks first": func(c net.Conn) {
			fmt.Fprint(c, "220 mail ready\r\n")
			line, _ := bufio.NewReader(c).ReadString('\n')
			if line != "" {
				got.Store("line", line)
			}
		},
		"hangs up":       func(c net.Conn) { bufio.NewReader(c).ReadString('\n') },
		"another tongue": func(c net.Conn) { bufio.NewReader(c).ReadString('\n'); fmt.Fprint(c, "-ERR what\r\n") },
		"no status":      func(c net.Conn) { bufio.NewReader(c).ReadString('\n'); fmt.Fprint(c, "HTTP/1.1 OK\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			if f, gaps := finish(t, []string{"/healthz"}, "app", raw(t, serve)); len(f.Health) > 0 || len(gaps) > 0 {
				t.Errorf("answers %v, gaps %v", f.Health, gaps)
			}
		})
	}
	if line, ok := got.Load("line"); ok {
		t.Errorf("a server that speaks first was asked %q", line)
	}
}

func TestDatabasesAreNotAsked(t *testing.T) {
	asked := make(chan bool, 10)
	at := raw(t, func(c net.Conn) { asked <- true; io.Copy(io.Discard, c) })
	finish(t, []string{"/healthz"}, "redis-server", at)
	select {
	case <-asked:
		t.Error("a request was sent to redis")
	default:
	}
}

func TestNobodyThereIsAnAnswerWithAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f, _ := finish(t, nil, "app", l.Addr().String())
	if len(f.Health) != 1 || f.Health[0].Err == "" {
		t.Errorf("answers %v", f.Health)
	}
}

func TestASilentServerDoesNotHoldTheProbeUp(t *testing.T) {
	end := make(chan bool)
	t.Cleanup(func() { close(end) })
	at := raw(t, func(c net.Conn) { <-end })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer, err := request(ctx, question{at: at, path: "/healthz", known: true})
	if err == nil || answer.Err != "broken off" {
		t.Errorf("answer %v, error %v", answer, err)
	}
}

func TestRequestsRunOut(t *testing.T) {
	app := &requests{}
	var addresses []string
	for range 4 {
		srv := httptest.NewServer(app)
		t.Cleanup(srv.Close)
		addresses = append(addresses, srv.URL)
	}
	var paths []string
	for i := range 6 {
		paths = append(paths, fmt.Sprintf("/none/%d", i))
	}
	_, gaps := finish(t, paths, "app", addresses...)
	if len(app.seen) != Most {
		t.Errorf("%d requests, at most %d are allowed", len(app.seen), Most)
	}
	if len(gaps) != 1 {
		t.Errorf("what was not asked is no gap: %v", gaps)
	}
}

func TestAPathCannotSmuggle(t *testing.T) {
	app := &requests{}
	srv := httptest.NewServer(app)
	t.Cleanup(srv.Close)
	f, gaps := finish(t, []string{"/a HTTP/1.1\r\nX: y\r\n\r\nDELETE /b", "healthz", "/healthz"}, "app", srv.URL)
	if len(app.seen) != 1 || len(f.Health) != 1 || len(gaps) != 2 {
		t.Errorf("asked %q, answers %v, gaps %v", app.seen, f.Health, gaps)
	}
}

func TestOneAddressForEachPort(t *testing.T) {
	f := &inventory.Facts{Listeners: []inventory.Listener{
		{Protocol: "tcp6", Address: "::", Port: 8080}, {Protocol: "tcp", Address: "0.0.0.0", Port: 8080},
		{Protocol: "tcp", Address: "192.0.2.7", Port: 8081, Bound: true}, {Protocol: "udp", Address: "0.0.0.0", Port: 53},
		{Protocol: "tcp6", Address: "::", Port: 80}, {Protocol: "tcp", Address: "0.0.0.0", Port: 5432},
	}}
	got := strings.Join(endpoints(f), " ")
	if got != "[::1]:80 127.0.0.1:8080 192.0.2.7:8081" {
		t.Errorf("got %s", got)
	}
}

func FuzzStatusLine(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\n")
	f.Add("HTTP/1.1 2")
	f.Fuzz(func(t *testing.T, line string) {
		if status, err := statusLine(strings.NewReader(line)); err == nil && (status < 100 || status > 999) {
			t.Errorf("status %d of %q", status, line)
		}
	})
}
