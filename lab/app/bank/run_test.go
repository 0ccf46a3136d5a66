package bank

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// running is a service that is stopped by stop, and whose end is in ended.
func running(t *testing.T, c Config, stdout io.Writer) (url string, stop func(), ended chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- Serve(ctx, c, listener, stdout) }()
	return "http://" + listener.Addr().String(), cancel, ended
}

// inFlight is a request that the service has taken and not yet answered.
func inFlight(t *testing.T, url string) (done chan error) {
	t.Helper()
	done = make(chan error, 1)
	client := &http.Client{Transport: &http.Transport{}}
	go func() {
		reply, err := client.Get(url)
		if err == nil {
			reply.Body.Close()
		}
		done <- err
	}()
	until(t, "the request is in flight", func() bool { return strings.Contains(metrics(t, url), "http_open_connections 2\n") })
	return done
}

func metrics(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, text, _ := get(t, client, url+"/metrics")
	return text
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

func TestStopping(t *testing.T) {
	slow := func(c Config) Config { c.Faults.Latency = 300 * time.Millisecond; return c }
	refusing := putRight()
	refusing.RefuseDrain = true
	hasty := putRight()
	hasty.Faults.Latency, hasty.DrainTimeout = time.Minute, 20*time.Millisecond
	patient := putRight()
	patient.DrainTimeout = 20 * time.Second
	for _, test := range []struct {
		name               string
		config             Config
		answered, wantFail bool
	}{
		{"put right, a request in flight is answered", slow(patient), true, false},
		{"refusing to drain, it is cut off", slow(refusing), false, false},
		{"legacy, it is cut off", slow(legacyConfig(t)), false, false},
		{"a drain that takes too long is an error", hasty, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, stop, ended := running(t, test.config, io.Discard)
			request := inFlight(t, url)
			stop()
			if err := <-request; (err == nil) != test.answered {
				t.Errorf("the request ended with %v", err)
			}
			if err := <-ended; (err != nil) != test.wantFail {
				t.Errorf("the service ended with %v", err)
			}
			if _, err := http.Get(url); err == nil {
				t.Error("it still takes connections")
			}
		})
	}
}

func TestADrainingServiceIsNotReady(t *testing.T) {
	s := New(putRight(), nil)
	s.draining.Store(true)
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
		request, _ := http.NewRequest(http.MethodGet, path, nil)
		recorder := &statusOnly{header: http.Header{}, status: http.StatusOK}
		s.ServeHTTP(recorder, request)
		if recorder.status != want {
			t.Errorf("%s answers %d while draining, want %d", path, recorder.status, want)
		}
	}
}

type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }

func TestWhereTheLogGoes(t *testing.T) {
	legacy := legacyConfig(t)
	legacy.LogFile = filepath.Join(t.TempDir(), "royal-bank-api.log")
	for _, c := range []Config{legacy, putRight()} {
		var stdout bytes.Buffer
		url, stop, ended := running(t, c, &stdout)
		reply, err := http.PostForm(url+"/login", neturl.Values{"customer": {"vimes"}})
		if err != nil || reply.StatusCode != http.StatusOK {
			t.Fatalf("login: %v, %v", reply, err)
		}
		reply.Body.Close()
		stop()
		<-ended
		file, _ := os.ReadFile(c.LogFile)
		inFile, inStdout := strings.Contains(string(file), "msg=login customer=vimes"), strings.Contains(stdout.String(), `"msg":"login","customer":"vimes"`)
		if inFile != c.Legacy || inStdout == c.Legacy {
			t.Errorf("%s: in the file %t, on standard output %t", c.Side(), inFile, inStdout)
		}
	}
}
