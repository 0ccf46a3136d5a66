package forward

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/freeport"
)

// heard is what a server was asked.
type heard struct {
	URI, Host, Peer, Method, Body string
	Header                        http.Header
}

// hears answers with what it was asked.
func hears(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(heard{r.RequestURI, r.Host, r.RemoteAddr, r.Method, string(body), r.Header})
}

func serveHTTP(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.DisableGeneralOptionsHandler = true
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func hostOf(s *httptest.Server) string { return s.Listener.Addr().String() }

// ask sends a request as it is written, on a connection of its own.
func ask(t *testing.T, address, request string) (*http.Response, heard) {
	t.Helper()
	c := dial(t, address)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	var h heard
	if answer.StatusCode == http.StatusOK {
		if err := json.NewDecoder(answer.Body).Decode(&h); err != nil {
			t.Fatal(err)
		}
	}
	return answer, h
}

// A request arrives as it was written, but for what tells of its way.
func TestRequestsAsTheyWere(t *testing.T) {
	r := start(t, nil, "http://"+hostOf(serveHTTP(t, hears)))
	for _, uri := range []string{"/", "/a%2Fb/%7Euser/x|y?q=a;b&%zz=%", "//two", "/?", "/%E2%82%AC", `/a"b`} {
		_, got := ask(t, r.ports[0].address, "GET "+uri+" HTTP/1.1\r\nHost: app.example\r\n\r\n")
		if got.URI != uri || got.Host != "app.example" || got.Method != "GET" {
			t.Errorf("%s: %s %s of %s", uri, got.Method, got.URI, got.Host)
		}
		if len(got.Header["User-Agent"])+len(got.Header["Accept-Encoding"]) > 0 {
			t.Errorf("headers were added: %v", got.Header)
		}
	}
	_, got := ask(t, r.ports[0].address, "POST /x HTTP/1.1\r\nHost: app.example\r\nContent-Length: 4\r\nX-A: 1\r\nX-A: 2\r\nCookie: canary=1\r\n\r\nbody")
	if got.Body != "body" || strings.Join(got.Header["X-A"], ",") != "1,2" || got.Header.Get("Cookie") != "canary=1" {
		t.Errorf("%+v", got)
	}
	_, got = ask(t, r.ports[0].address, "OPTIONS * HTTP/1.1\r\nHost: app.example\r\n\r\n")
	if got.URI != "*" || got.Method != "OPTIONS" {
		t.Errorf("%+v", got)
	}
	if now := r.Report().Routes[0]; now.Requests["2xx"] != 8 || now.Targets[0].BytesToTarget == 0 || now.Targets[0].Total > 7 {
		t.Errorf("%+v", now)
	}
}

func TestWhoAsked(t *testing.T) {
	target := "http://" + hostOf(serveHTTP(t, hears))
	const came = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nForwarded: for=192.0.2.7\r\n"
	for name, c := range map[string]struct{ keys, came, list, proto, host, standard string }{
		"the first":         {"", "", "127.0.0.1", "http", "app.example", ""},
		"one of many":       {"", came, "192.0.2.7, 127.0.0.1", "https", "shop.example", "for=192.0.2.7"},
		"others are not":    {"?forwarded=replace", came, "127.0.0.1", "http", "app.example", ""},
		"nothing is told":   {"?forwarded=none", came, "192.0.2.7", "https", "shop.example", "for=192.0.2.7"},
		"as standardised":   {"?rfc7239=on", came, "192.0.2.7, 127.0.0.1", "https", "shop.example", `for=192.0.2.7,for="127.0.0.1";host="app.example";proto=http`},
		"anew and standard": {"?rfc7239=on&forwarded=replace", came, "127.0.0.1", "http", "app.example", `for="127.0.0.1";host="app.example";proto=http`},
	} {
		r := start(t, nil, target+c.keys)
		_, got := ask(t, r.ports[0].address, "GET / HTTP/1.1\r\nHost: app.example\r\n"+c.came+"\r\n")
		h := got.Header
		if h.Get("X-Forwarded-For") != c.list || h.Get("X-Forwarded-Proto") != c.proto || h.Get("X-Forwarded-Host") != c.host ||
			strings.Join(h.Values("Forwarded"), ",") != c.standard {
			t.Errorf("%s: %v", name, h)
		}
	}
	if got := forwardedElement("2001:db8::1", `a"b`); got != `for="[2001:db8::1]";host="a\"b";proto=http` {
		t.Error(got)
	}
}

// Two forwarders that lead to each other: the first one that a request comes back to
// says so, and it went around once.
func TestCircleOfRequests(t *testing.T) {
	back := freeport.On(t, loopback).String()
	there := start(t, func(s *Settings) { s.Name, s.LeadsTo = "bank", LeadsToOld }, "http://"+back)
	here := start(t, func(s *Settings) {
		s.Name, s.LeadsTo, s.Routes[0].Listen = "bank", LeadsToNew, back
	}, "http://"+there.ports[0].address)
	answer, _ := ask(t, here.ports[0].address, "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n")
	if answer.StatusCode != http.StatusLoopDetected {
		t.Errorf("%s", answer.Status)
	}
	if a, b := here.Report().Routes[0], there.Report().Routes[0]; a.Refused["loop"] != 1 || b.Refused["loop"] != 0 {
		t.Errorf("refused %v and %v", a.Refused, b.Refused)
	}
	// What another forwarder has led is no circle.
	other := start(t, func(s *Settings) { s.Name = "shop" }, "http://"+hostOf(serveHTTP(t, hears)))
	_, got := ask(t, other.ports[0].address, "GET / HTTP/1.1\r\nHost: app.example\r\nCDN-Loop: rehome-forward;mark=bank.old, other\r\n\r\n")
	if marks := strings.Join(got.Header.Values("CDN-Loop"), ", "); marks != "rehome-forward;mark=bank.old, other, rehome-forward;mark=shop." {
		t.Errorf("marks: %q", marks)
	}
}

// Answers come portion by portion, and a connection that becomes another protocol's is
// led on as bytes.
func TestStreamsAndUpgrades(t *testing.T) {
	next := make(chan struct{})
	s := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Content-Length", "2") // or nobody would think of keeping it back
			for range 2 {
				fmt.Fprint(w, "x")
				w.(http.Flusher).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
				}
			}
			return
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, rw)
	})
	r := start(t, nil, "http://"+hostOf(s)).ready(t)
	answer, err := (&http.Client{Timeout: soon}).Get("http://" + r.ports[0].address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for range 2 { // the second is not sent before the first is here
		if _, err := io.ReadFull(answer.Body, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	c := dial(t, r.ports[0].address)
	io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(c)
	if answer, err = http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(answer, err)
	}
	io.WriteString(c, "hello")
	if got, err := io.ReadAll(io.LimitReader(in, 5)); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// A server that has closed its idle connections costs no client a request.
func TestIdleTargets(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(hears))
	s.Config.IdleTimeout = 30 * time.Millisecond
	s.Start()
	defer s.Close()
	r := start(t, func(s *Settings) { s.CheckEvery = 0 }, "http://"+hostOf(s))
	for i := range 4 {
		answer, err := http.Post("http://"+r.ports[0].address, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %s", i, answer.Status)
		}
		until(t, "the server has closed it", func() bool { return r.Report().Routes[0].Targets[0].Open == 0 })
	}
}

// An idle connection to a target is closed here before a server closes it, so that no
// request meets its end on the way.
func TestIdleConnectionsAreClosedFirst(t *testing.T) {
	t.Parallel()
	r := start(t, func(s *Settings) { s.CheckEvery = 0 }, "http://"+hostOf(serveHTTP(t, hears)))
	ask(t, r.ports[0].address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "it is closed", func() bool {
		now := r.Report().Routes[0].Targets[0]
		return now.Total == 1 && now.Open == 0
	})
}

// A client that gives up before there is an answer is not told that all went well, and
// the target is told.
func TestClientGivesUp(t *testing.T) {
	begun, over := make(chan struct{}), make(chan struct{})
	r := start(t, nil, "http://"+hostOf(serveHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(over)
	})))
	c := dial(t, r.ports[0].address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	c.CloseWrite()
	if answer, _ := io.ReadAll(c); len(answer) > 0 {
		t.Errorf("%q", answer)
	}
	<-over
}

func TestNoTargetForRequests(t *testing.T) {
	r := start(t, nil, "http://"+nobody(t))
	answer, _ := ask(t, r.ports[0].address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusBadGateway || !strings.Contains(string(text), "no answer") {
		t.Errorf("%s %s", answer.Status, text)
	}
	if now := r.Report().Routes[0]; now.Requests["5xx"] != 1 || now.Refused["no_target"] != 1 {
		t.Errorf("%+v", now)
	}
}

// While it ends, an answer says that its connection does too, so that no client is
// surprised; and the request that is on its way is answered.
func TestDrainOfRequests(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	s := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-finish
		}
		fmt.Fprint(w, "done")
	})
	r := start(t, func(s *Settings) { s.Linger, s.Drain = 200*time.Millisecond, soon }, "http://"+hostOf(s)).ready(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answered := make(chan string, 1)
	go func() {
		answer, err := client.Get("http://" + r.ports[0].address + "/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		answered <- string(text)
	}()
	<-begun
	r.stop()
	until(t, "it is ending", func() bool { return r.Report().Draining })
	answer, err := client.Get("http://" + r.ports[0].address)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if !answer.Close {
		t.Error("the answer does not say that the connection ends")
	}
	until(t, "nothing is accepted", func() bool {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.ports[0].address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(finish)
	if text := <-answered; text != "done" {
		t.Errorf("the slow one: %s", text)
	}
	<-r.ended
}
