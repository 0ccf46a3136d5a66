package client

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// sides are two servers at one port of two loopback addresses, and a name server
// that leads to one of them.
type sides struct {
	url, resolver string
	lookups       atomic.Int64
	answer        atomic.Pointer[dns.Msg] // its answer section and code are used
}

func (s *sides) leadTo(t *testing.T, address string) {
	reply := new(dns.Msg)
	if address != "" {
		rr, err := dns.NewRR("service.test. 300 IN A " + address)
		if err != nil {
			t.Fatal(err)
		}
		reply.Answer = []dns.RR{rr}
	}
	s.answer.Store(reply)
}

func (s *sides) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	s.lookups.Add(1)
	known := s.answer.Load()
	if known == nil {
		return // no answer at all
	}
	reply := new(dns.Msg).SetRcode(question, known.Rcode)
	reply.Answer = known.Answer
	w.WriteMsg(reply)
}

func start(t *testing.T, vm, kubernetes http.HandlerFunc) *sides {
	t.Helper()
	s := new(sides)
	first := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(first.Addr().String())
	serve(t, first, vm)
	serve(t, listen(t, "127.0.0.2:"+port), kubernetes)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, Handler: s, NotifyStartedFunc: func() { close(started) }}
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	s.url, s.resolver = "http://service.test:"+port+"/", conn.LocalAddr().String()
	return s
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t *testing.T, l net.Listener, h http.HandlerFunc) {
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
}

func answering(by string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Served-By", by)
		w.WriteHeader(status)
	}
}

func TestEveryAnswerIsCountedByWhoGaveIt(t *testing.T) {
	var served [2]atomic.Int64
	counted := func(i int, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { served[i].Add(1); next(w, r) }
	}
	s := start(t, counted(0, answering("vm", http.StatusOK)), counted(1, answering("kubernetes", http.StatusInternalServerError)))
	s.leadTo(t, "127.0.0.1")
	time.AfterFunc(700*time.Millisecond, func() { s.leadTo(t, "127.0.0.2") })
	var out bytes.Buffer
	began := time.Now()
	total, err := Run(t.Context(), Load{URL: s.url, Resolver: s.resolver, Rate: 200, For: 1500 * time.Millisecond, Timeout: 2 * time.Second}, &out)
	if err != nil {
		t.Fatal(err)
	}
	vm, kubernetes := int(served[0].Load()), int(served[1].Load())
	if vm == 0 || kubernetes == 0 {
		t.Fatalf("served by vm %d, by kubernetes %d: the record was not followed", vm, kubernetes)
	}
	want := Second{Sent: vm + kubernetes, OK: vm, By: map[string]int{"vm": vm, "kubernetes": kubernetes},
		FailedBy: map[string]int{"kubernetes": kubernetes}, Errors: map[string]int{"http-500": kubernetes}}
	same(t, total, want)
	// Never more than the rate; how many fewer at the end is the machine's affair.
	if most := int(200*time.Since(began).Seconds()) + 1; total.Sent < 100 || total.Sent > most {
		t.Errorf("%d sent in 1.5 s at 200/s, where %d were due", total.Sent, most)
	}
	if s.lookups.Load() != int64(total.Sent) {
		t.Errorf("%d lookups for %d requests", s.lookups.Load(), total.Sent)
	}
	same(t, Sum(readBack(t, out.String()), time.Time{}, time.Time{}), want)
}

func readBack(t *testing.T, text string) []Second {
	t.Helper()
	file := filepath.Join(t.TempDir(), "count.jsonl")
	write(t, file, text+`{"t":"2026-`) // the client is writing the next line
	seconds, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seconds); i++ {
		if !seconds[i].T.After(seconds[i-1].T) {
			t.Errorf("second %s comes after %s", seconds[i].T, seconds[i-1].T)
		}
	}
	return seconds
}

func same(t *testing.T, got, want Second) {
	t.Helper()
	if got.Sent != want.Sent || got.OK != want.OK || !maps.Equal(got.By, want.By) || !maps.Equal(got.FailedBy, want.FailedBy) || !maps.Equal(got.Errors, want.Errors) {
		t.Errorf("counted %+v\nwant    %+v", got, want)
	}
}

func TestCauses(t *testing.T) {
	ok := answering("vm", http.StatusOK)
	cutOff := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	short := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Served-By", "vm")
		w.Header().Set("Content-Length", "10")
		w.Write([]byte("half"))
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	redirect := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", "vm")
		http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
	}
	nxdomain := new(dns.Msg)
	nxdomain.Rcode = dns.RcodeNameError
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		dns     func(*sides)
		want    outcome
	}{
		{"answered", ok, nil, outcome{by: "vm"}},
		{"answered by nobody known", func(http.ResponseWriter, *http.Request) {}, nil, outcome{by: "unknown"}},
		{"an error of the service", answering("vm", http.StatusServiceUnavailable), nil, outcome{"vm", "http-503"}},
		{"a redirect is not followed", redirect, nil, outcome{"vm", "http-302"}},
		{"cut off before the answer", cutOff, nil, outcome{cause: "cut-off"}},
		{"cut off within the answer", short, nil, outcome{"vm", "cut-off"}},
		{"no answer", hang, nil, outcome{cause: "timeout"}},
		{"nobody listens", ok, func(s *sides) { s.leadTo(t, "127.0.0.3") }, outcome{cause: "refused"}},
		{"no such name", ok, func(s *sides) { s.answer.Store(nxdomain) }, outcome{cause: "dns-nxdomain"}},
		{"a name without address", ok, func(s *sides) { s.leadTo(t, "") }, outcome{cause: "dns-no-address"}},
		{"the resolver is silent", ok, func(s *sides) { s.answer.Store(nil) }, outcome{cause: "dns-timeout"}},
		{"there is no resolver", ok, func(s *sides) { s.resolver = "127.0.0.1:1" }, outcome{cause: "dns-refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, test.handler, ok)
			s.leadTo(t, "127.0.0.1")
			if test.dns != nil {
				test.dns(s)
			}
			load := Load{URL: s.url, Resolver: s.resolver, Timeout: 250 * time.Millisecond}
			if got := newRequester(load).do(t.Context()); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestUnansweredRequestsDoNotHoldUpTheOthers(t *testing.T) {
	s := start(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, answering("kubernetes", http.StatusOK))
	s.leadTo(t, "127.0.0.1")
	total, err := Run(t.Context(), Load{URL: s.url, Resolver: s.resolver, Rate: 100, For: time.Second, Timeout: 500 * time.Millisecond}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if total.Sent < 95 || total.Errors["timeout"] != total.Sent {
		t.Errorf("%+v; want about 100 sent, all timed out", total)
	}
}

func TestInFlightRequestsAreAwaited(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(200 * time.Millisecond)
		answering("vm", http.StatusOK)(w, r)
	}, nil)
	s.leadTo(t, "127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	total, err := Run(ctx, Load{URL: s.url, Resolver: s.resolver, Rate: 50, Timeout: 2 * time.Second}, &bytes.Buffer{})
	if err != nil || total.Sent == 0 || total.OK != total.Sent {
		t.Errorf("%+v, %v", total, err)
	}
}

func TestAFileThatCannotBeWrittenEndsTheLoad(t *testing.T) {
	s := start(t, answering("vm", http.StatusOK), nil)
	s.leadTo(t, "127.0.0.1")
	full := errors.New("no space left")
	_, err := Run(t.Context(), Load{URL: s.url, Resolver: s.resolver, Rate: 50, Timeout: time.Second}, failing{full})
	if !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestMain_refusesAndSums(t *testing.T) {
	for _, args := range [][]string{{"--rate", "0"}, {"--url", "ftp://x"}, {"--for", "-1s"}, {"--timeout", "0s"}, {"--speed"}, {"--out", "/nowhere/x"}} {
		if err := Main(t.Context(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	s := start(t, answering("vm", http.StatusOK), nil)
	s.leadTo(t, "127.0.0.1")
	var stdout bytes.Buffer
	file := filepath.Join(t.TempDir(), "count.jsonl")
	args := []string{"--url", s.url, "--resolver", s.resolver, "--rate", "50", "--for", "300ms", "--out", file}
	if err := Main(t.Context(), args, &stdout); err != nil {
		t.Fatal(err)
	}
	seconds, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Summary(Sum(seconds, time.Time{}, time.Time{}))
	if got := strings.TrimSpace(stdout.String()); got != want || !strings.Contains(got, "answered by vm") {
		t.Errorf("summary %q, want %q", got, want)
	}
}
