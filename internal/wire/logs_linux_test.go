package wire

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/metrics/accesslog"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// TestAccessLogOfAnotherMachine: a policy's connection leads to counters of a log
// over ssh, as the policy says how machines are reached, or as the connection does.
func TestAccessLogOfAnotherMachine(t *testing.T) {
	server, stranger := sshdtest.Start(t), sshdtest.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	at := time.Now().UTC().Truncate(time.Second)
	write := func(n int) {
		t.Helper()
		var b strings.Builder
		for i := range n {
			status := 200
			if i%4 == 3 {
				status = 503
			}
			fmt.Fprintf(&b, "192.0.2.9 - - [%s] \"GET / HTTP/1.1\" %d 12 \"-\" \"-\"\n", at.Add(-time.Minute).Format("02/Jan/2006:15:04:05 -0700"), status)
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(b.String())
			_ = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	url := "ssh://" + server.Address.String()
	m := migration.Metrics{
		Source: "logs",
		Old:    migration.SideMetrics{Requests: file, Errors: `{status="5xx"}`},
		New:    migration.SideMetrics{Requests: url + "/nowhere/new.log", Errors: `{status="5xx"}`},
	}
	whole := migration.SSH{User: server.User, IdentityFile: server.Key, KnownHostsFile: server.KnownHosts}
	own := map[string]string{"host": url, "user": server.User, "identityFile": server.Key, "knownHostsFile": server.KnownHosts}
	metrics := func(settings map[string]string, policy migration.SSH) *accesslog.Source {
		t.Helper()
		s := spec()
		s.Metrics.Source = "logs"
		p, _ := Standard().Ports(s, migration.Policy{SSH: policy, MetricsSources: []migration.Connection{{Name: "logs", Type: "accesslog", Settings: settings}}})
		src, ok := p.Metrics.(*accesslog.Source)
		if !ok {
			t.Fatalf("%T", p.Metrics)
		}
		return src
	}
	write(40)
	for name, src := range map[string]*accesslog.Source{
		"as the policy says":     metrics(map[string]string{"host": url}, whole),
		"as the connection says": metrics(own, migration.SSH{User: "nobody", IdentityFile: "/nowhere", KnownHostsFile: stranger.KnownHosts}),
	} {
		s := src.Sample(t.Context(), m, at)
		if s.Missing != "" || len(s.Old) != 1 || len(s.New) != 0 {
			t.Fatalf("%s: %+v", name, s)
		}
		for _, c := range s.Old {
			if c.Requests != 40 || c.Errors != 10 {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	src := metrics(map[string]string{"host": url}, whole)
	src.Sample(t.Context(), m, at)
	write(4)
	for _, c := range src.Sample(t.Context(), m, at).Old {
		if c.Requests != 44 || c.Errors != 11 {
			t.Errorf("read on: %+v", c)
		}
	}
	if b, err := src.Baseline(t.Context(), m, at, time.Hour); err != nil || b.Requests != 44 || b.Errors != 11 {
		t.Errorf("baseline: %+v, %v", b, err)
	}
	distrusted := whole
	distrusted.KnownHostsFile = stranger.KnownHosts
	if s := metrics(map[string]string{"host": url}, distrusted).Sample(t.Context(), m, at); !strings.Contains(s.Missing, "host key") {
		t.Errorf("a host that is not known: %+v", s)
	}
	m.Old.Requests = filepath.Join(dir, "gone.log")
	if s := src.Sample(t.Context(), m, at); s.Missing == "" {
		t.Errorf("an old side's log that does not exist: %+v", s)
	}
}
