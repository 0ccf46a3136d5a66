package traffic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/collect/traffic"
	"rehome.dev/rehome/internal/inventory"
)

const canary = "c4nary-s3cret"

// machine is a root directory with files in it.
type machine struct {
	t    *testing.T
	root string
}

func (m machine) write(path, text string) {
	m.t.Helper()
	file := filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// collect runs the collector and looks that nothing of a line is in the facts.
func (m machine) collect(ctx context.Context, f *inventory.Facts) []inventory.Gap {
	m.t.Helper()
	s := &scope.Scope{Root: m.root, Gaps: &scope.Gaps{}}
	c := traffic.New()
	c.Sample(ctx, s)
	c.Finish(ctx, s, f)
	out, err := json.Marshal([]any{f, s.Gaps.List()})
	if err != nil || strings.Contains(string(out), canary) || strings.Contains(string(out), "192.0.2.") {
		m.t.Errorf("%s, %v", out, err)
	}
	return s.Gaps.List()
}

// lines are n of them, a second apart: every tenth failed, each from one of four
// clients, taking as many milliseconds as its number.
func lines(n int, end func(i int) string) string {
	var b strings.Builder
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range n {
		status := 200
		if i%10 == 9 {
			status = 502
		}
		fmt.Fprintf(&b, "192.0.2.%d - - [%s] \"GET /?token=%s HTTP/1.1\" %d 5%s\n", i%4, at.Add(time.Duration(i)*time.Second).Format("02/Jan/2006:15:04:05 -0700"), canary, status, end(i))
	}
	return b.String()
}

func nothing(int) string { return "" }

func sink(path string) inventory.LogSink {
	return inventory.LogSink{Kind: inventory.SinkFile, To: path}
}

func TestLogsAreSummedUp(t *testing.T) {
	m := machine{t, t.TempDir()}
	m.write("/var/log/app/access.log", lines(100, func(i int) string { return fmt.Sprintf(` "-" "curl" 0.%03d`, i) })+"rubbish\nhalf a li")
	m.write("/opt/tomcat/logs/localhost_access_log.2026-03-01.txt", lines(10, func(i int) string { return fmt.Sprintf(" %d", i) }))
	m.write("/var/log/app/app.log", strings.Repeat("2026-03-01 10:00:00 INFO started\n", 60))
	m.write("/var/log/app/empty.log", "")
	m.write("/etc/nginx/sites/app", "server {\n  access_log /var/log/nginx/app.log main;\n  access_log off;\n  access_log /var/log/$host.log;\n}\n")
	m.write("/var/log/nginx/app.log", lines(3, nothing))
	f := &inventory.Facts{
		Logs:    []inventory.LogSink{sink("/var/log/app/access.log"), sink("/var/log/app/app.log"), sink("/var/log/app/empty.log"), {Kind: inventory.SinkSyslog, To: "/dev/log"}},
		Files:   []inventory.File{{Path: "/var/log/app/access.log", Class: inventory.FileLog}, {Path: "/opt/tomcat/logs/localhost_access_log.2026-03-01.txt", Class: inventory.FileLog}, {Path: "/etc/passwd", Class: inventory.FileConfig}},
		Proxies: []inventory.Proxy{{Kind: "nginx", File: "/etc/nginx/sites/app"}},
	}
	if gaps := m.collect(t.Context(), f); len(gaps) != 0 {
		t.Errorf("gaps %v", gaps)
	}
	if len(f.Traffic) != 3 {
		t.Fatalf("%+v", f.Traffic)
	}
	a := f.Traffic[0]
	want := inventory.Quantiles{P50: 50_000, P95: 95_000, P99: 99_000, Max: 99_000, N: 100}
	if a.Log != "/var/log/app/access.log" || a.Format != "combined" || a.Requests != 100 || a.Errors != 10 || a.Unparsed != 1 || a.Peers != 4 || a.Latency == nil || *a.Latency != want || a.To.Sub(a.From) != 99*time.Second {
		t.Errorf("%+v", a)
	}
	if b := f.Traffic[1]; b.Format != "tomcat" || b.Latency == nil || b.Latency.Max != 9000 {
		t.Errorf("%+v", b)
	}
	if c := f.Traffic[2]; c.Log != "/var/log/nginx/app.log" || c.Format != "common" || c.Latency != nil || c.Requests != 3 {
		t.Errorf("%+v", c)
	}
	if f.Logs[0].Access != "combined" || f.Logs[1].Access != "" || f.Logs[3].Access != "" {
		t.Errorf("%+v", f.Logs)
	}
}

func TestOnlyTheEndOfALongLogIsRead(t *testing.T) {
	m := machine{t, t.TempDir()}
	text := strings.Repeat("x", 3<<20) + "\n" + lines(60_000, nothing)
	m.write("/a.log", text)
	f := &inventory.Facts{Logs: []inventory.LogSink{sink("/a.log")}}
	m.collect(t.Context(), f)
	if len(f.Traffic) != 1 || f.Traffic[0].Unparsed != 0 || f.Traffic[0].Requests < 40_000 || f.Traffic[0].Requests >= 60_000 {
		t.Errorf("%+v", f.Traffic)
	}
}

func TestALineWithoutAnEndIsNone(t *testing.T) {
	m := machine{t, t.TempDir()}
	m.write("/a.log", lines(60, nothing)+strings.Repeat("y", 1<<20)+"\n"+lines(2, nothing))
	f := &inventory.Facts{Logs: []inventory.LogSink{sink("/a.log")}}
	m.collect(t.Context(), f)
	if len(f.Traffic) != 1 || f.Traffic[0].Requests != 62 || f.Traffic[0].Unparsed != 1 {
		t.Errorf("%+v", f.Traffic)
	}
}

func TestWhatCannotBeReadIsAGap(t *testing.T) {
	m := machine{t, t.TempDir()}
	m.write("/there.log", lines(2, nothing))
	m.write("/directory/file", "")
	f := &inventory.Facts{Logs: []inventory.LogSink{sink("/gone.log"), sink("/directory"), sink(`/a\x00b`)}}
	if gaps := m.collect(t.Context(), f); len(gaps) != 1 || gaps[0].What != "/gone.log" || gaps[0].Subject != inventory.SubjectTraffic || len(f.Traffic) != 0 {
		t.Errorf("%+v, %+v", gaps, f.Traffic)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f = &inventory.Facts{Logs: []inventory.LogSink{sink("/there.log")}}
	if gaps := m.collect(ended, f); len(gaps) != 1 || len(f.Traffic) != 0 {
		t.Errorf("%+v, %+v", gaps, f.Traffic)
	}
}
