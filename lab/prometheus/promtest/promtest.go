// Package promtest starts a real Prometheus on a loopback port for tests. It needs
// no network namespace and, where Debian's prometheus is installed, no root; with
// root it installs the package where it is missing.
//
// It knows nothing of the code under test, which reads it over HTTP.
package promtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/lab/apt"
	"rehome.dev/rehome/lab/freeport"
	"rehome.dev/rehome/lab/prometheus"
)

// Every is the scrape interval.
const Every = 200 * time.Millisecond

const startDeadline = 20 * time.Second

// Target is something that serves /metrics on a loopback address.
type Target struct {
	Job    string
	URL    string            // such as that of an httptest.Server; its path is ignored
	Labels map[string]string // further labels of all its series
}

// Server is a running Prometheus, stopped at the test's end.
type Server struct {
	URL string

	t      testing.TB
	config prometheus.Server
	cmd    *exec.Cmd
	log    bytes.Buffer  // written by the running process, read after it ended
	ended  chan struct{} // closed when the process is gone
}

// Start takes about five seconds, the interval at which Prometheus looks for targets.
// It returns when Prometheus answers queries and has scraped every target once.
func Start(t testing.TB, targets ...Target) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := apt.Install(ctx, "prometheus"); err != nil {
		t.Fatal(err)
	}
	listen := freeport.Local(t).String()
	dir := t.TempDir()
	s := &Server{URL: "http://" + listen, t: t}
	s.config = prometheus.Server{Dir: dir, Listen: listen, Every: Every, Jobs: jobs(dir, targets)}
	if err := s.config.Install(); err != nil {
		t.Fatal(err)
	}
	s.writeTargets(targets)
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("Prometheus:\n%s", s.log.String())
		}
	})
	s.Restart()
	s.awaitTargets(targets)
	return s
}

// Stop ends Prometheus; what it has scraped stays for Restart.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGCONT)
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
}

// Restart starts a stopped Prometheus at the same address and returns when it answers.
func (s *Server) Restart() {
	s.t.Helper()
	args := s.config.Args()
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start Prometheus: %v", err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	s.poll("Prometheus is not ready", func(ctx context.Context) error {
		_, err := s.get(ctx, "/-/ready")
		return err
	})
}

// Pause keeps Prometheus from answering while its socket still takes connections.
func (s *Server) Pause() { s.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused Prometheus go on.
func (s *Server) Resume() { s.cmd.Process.Signal(syscall.SIGCONT) }

// SetTargets replaces all targets, as pods come and go. Their jobs must be among
// those that Start was given. It returns when each was scraped, after five to ten seconds.
func (s *Server) SetTargets(targets ...Target) {
	s.t.Helper()
	s.writeTargets(targets)
	s.awaitTargets(targets)
}

// Scalar is the value of an instant query that yields exactly one sample, and
// whether there is one.
func (s *Server) Scalar(query string) (float64, bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	value, found, err := s.scalar(ctx, query)
	if err != nil {
		s.t.Fatal(err)
	}
	return value, found
}

// Await returns when the query, an instant one that yields one sample, has the value.
func (s *Server) Await(query string, want float64) {
	s.t.Helper()
	s.poll(fmt.Sprintf("%s never was %v", query, want), func(ctx context.Context) error {
		got, found, err := s.scalar(ctx, query)
		if err == nil && (!found || got != want) {
			err = fmt.Errorf("it is %v (found: %t)", got, found)
		}
		return err
	})
}

func (s *Server) scalar(ctx context.Context, query string) (float64, bool, error) {
	body, err := s.get(ctx, "/api/v1/query?query="+url.QueryEscape(query))
	if err != nil {
		return 0, false, err
	}
	var reply struct {
		Data struct {
			Result []struct{ Value [2]json.RawMessage }
		}
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return 0, false, fmt.Errorf("query %s: %w", query, err)
	}
	switch len(reply.Data.Result) {
	case 0:
		return 0, false, nil
	case 1:
		var value float64
		_, err := fmt.Sscanf(string(reply.Data.Result[0].Value[1]), `"%g"`, &value)
		return value, true, err
	}
	return 0, false, fmt.Errorf("query %s yields %d samples", query, len(reply.Data.Result))
}

func (s *Server) awaitTargets(targets []Target) {
	s.t.Helper()
	for _, target := range targets {
		s.Await(fmt.Sprintf("up{job=%q,instance=%q}", target.Job, hostPort(s.t, target.URL)), 1)
	}
}

func (s *Server) poll(lament string, try func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startDeadline)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s: %v", lament, err)
		case <-s.ended:
			s.t.Fatalf("%s: Prometheus ended:\n%s", lament, s.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	reply, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, reply.Status, body)
	}
	return body, err
}
