package accesslog_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/metrics/accesslog"
	"rehome.dev/rehome/internal/migration"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// server writes a log, a line a second.
type server struct {
	t    *testing.T
	file string
	now  time.Time
}

func newServer(t *testing.T) *server {
	return &server{t: t, file: filepath.Join(t.TempDir(), "access.log"), now: noon}
}

func (s *server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// serve answers n requests, of which every fourth fails.
func (s *server) serve(n int) {
	s.t.Helper()
	out, err := os.OpenFile(s.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.check(err)
	defer out.Close()
	for i := range n {
		s.now = s.now.Add(time.Second)
		status := 200
		if i%4 == 3 {
			status = 503
		}
		line(out, s.now, status, " 0.020")
	}
}

func (s *server) renamed(from, to string) { s.check(os.Rename(s.file+from, s.file+to)) }

func (s *server) packed(from, to string) {
	data, err := os.ReadFile(s.file + from)
	s.check(err)
	out, err := os.Create(s.file + to)
	s.check(err)
	z := gzip.NewWriter(out)
	_, err = z.Write(data)
	s.check(err)
	s.check(z.Close())
	s.check(out.Close())
	s.check(os.Remove(s.file + from))
}

func source(t *testing.T, settings map[string]string) *accesslog.Source {
	t.Helper()
	s, err := accesslog.New(migration.Connection{Name: "logs", Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sides(old string) migration.Metrics {
	return migration.Metrics{
		Old: migration.SideMetrics{Requests: old, Errors: `{status="5xx"}`, Latency: "{}", Vantage: "edge"},
		New: migration.SideMetrics{Requests: "/nowhere/new.log", Errors: `{status="5xx"}`},
	}
}

// total adds up the old side's series.
func total(t *testing.T, s *accesslog.Source, m migration.Metrics, at time.Time) (analysis.Counters, map[string]analysis.Counters) {
	t.Helper()
	got := s.Sample(t.Context(), m, at)
	if got.Missing != "" {
		t.Fatalf("missing: %s", got.Missing)
	}
	var sum analysis.Counters
	for _, c := range got.Old {
		sum.Requests, sum.Errors = sum.Requests+c.Requests, sum.Errors+c.Errors
	}
	return sum, got.Old
}

func TestNothingIsLostInARotation(t *testing.T) {
	for name, rotate := range map[string]func(*server){
		"renamed":            func(s *server) { s.renamed("", ".1") },
		"renamed and packed": func(s *server) { s.packed("", ".1.gz") },
		"twice": func(s *server) {
			s.packed("", ".2.gz")
			s.serve(8)
			s.renamed("", ".1")
		},
		"copied and truncated": func(s *server) {
			data, err := os.ReadFile(s.file)
			s.check(err)
			s.check(os.WriteFile(s.file+".1", data, 0o600))
			s.check(os.Truncate(s.file, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			server.serve(40)
			m := sides(server.file)
			s := source(t, nil)
			if sum, _ := total(t, s, m, server.now); sum.Requests != 40 || sum.Errors != 10 {
				t.Fatalf("%+v", sum)
			}
			server.serve(4) // after the last look, before the rotation
			want := uint64(44 + 12)
			rotate(server)
			if name == "twice" {
				want += 8
			}
			between, _ := total(t, s, m, server.now) // no new file yet
			if name != "copied and truncated" && between.Requests != want-12 {
				t.Errorf("between the files: %d, want %d", between.Requests, want-12)
			}
			server.serve(12)
			sum, series := total(t, s, m, server.now)
			if sum.Requests != want || sum.Errors != want/4 {
				t.Errorf("%+v, want %d", sum, want)
			}
			// Whoever begins again finds the two newest as they were.
			_, again := total(t, source(t, nil), m, server.now)
			if len(again) != 2 {
				t.Errorf("%d series after beginning again", len(again))
			}
			for key, c := range again {
				if series[key].Requests != c.Requests {
					t.Errorf("%s has %d, had %d; all had %v", key, c.Requests, series[key].Requests, slices.Sorted(maps.Keys(series)))
				}
			}
			b, err := s.Baseline(t.Context(), m, server.now, 24*time.Hour)
			if err != nil || b.Requests != want || b.Errors != want/4 || b.Vantage != "edge" || !strings.Contains(b.Source, "of 24h0m0s") {
				t.Errorf("%+v, %v", b, err)
			}
			if b, err = s.Baseline(t.Context(), m, server.now, 6*time.Second); err != nil || b.Requests != 6 {
				t.Errorf("of six seconds: %+v, %v", b, err)
			}
		})
	}
}

func TestALogThatIsGoneIsMissing(t *testing.T) {
	server := newServer(t)
	server.serve(8)
	m, s := sides(server.file), source(t, nil)
	total(t, s, m, server.now)
	server.check(os.Remove(server.file))
	if got := s.Sample(t.Context(), m, server.now); got.Missing == "" {
		t.Errorf("removed: %+v", got)
	}
	server.serve(1)
	if got := s.Sample(t.Context(), m, server.now); !strings.Contains(got.Missing, "its former content is nowhere") {
		t.Errorf("another in its place: %+v", got)
	}
}

func TestHalfALineIsNotCountedTwice(t *testing.T) {
	server := newServer(t)
	server.serve(4)
	m, s := sides(server.file), source(t, nil)
	var text strings.Builder
	line(&text, server.now, 200, " 0.020")
	for i, part := range []string{text.String()[:30], text.String()[30:]} {
		out, err := os.OpenFile(server.file, os.O_APPEND|os.O_WRONLY, 0o600)
		server.check(err)
		_, _ = out.WriteString(part)
		server.check(out.Close())
		if sum, _ := total(t, s, m, server.now); sum.Requests != uint64(4+i) {
			t.Errorf("after part %d: %+v", i, sum)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "haproxy.log")
	var text strings.Builder
	for i, l := range []string{"vm/a 0/0/0/1/9 200", "vm/b 0/0/0/1/9 503", "pods/x 0/0/0/1/90 500", "pods/x 0/0/0/1/9 404"} {
		fmt.Fprintf(&text, "192.0.2.1:33317 [01/Mar/2026:13:00:0%d.000] web %s 2750 - - ---- 1/1/1/1/0 0/0 \"GET /?t=c4nary HTTP/1.1\"\n", i, l)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := source(t, map[string]string{"file": file, "timeZone": "Europe/Berlin", "buckets": "0.01, 0.1"})
	m := migration.Metrics{
		Old: migration.SideMetrics{Requests: `{backend!="pods/x"}`, Errors: `{status="5xx"}`, Vantage: "edge"},
		New: migration.SideMetrics{Requests: `{backend="pods/x"}`, Errors: `{status!="404", status!="200"}`, Latency: `{status="5xx"}`},
	}
	at := noon.Add(time.Minute)
	got := s.Sample(t.Context(), m, at)
	if got.Missing != "" || len(got.Old) != 1 || len(got.New) != 1 {
		t.Fatalf("%+v", got)
	}
	for _, c := range got.Old {
		if c.Requests != 2 || c.Errors != 1 || c.Buckets != nil {
			t.Errorf("old %+v", c)
		}
	}
	for _, c := range got.New {
		if c.Requests != 2 || c.Errors != 1 || len(c.Buckets) != 3 || c.Buckets[0].Count != 0 || c.Buckets[1].Count != 1 || c.Buckets[2].Count != 1 {
			t.Errorf("new %+v", c)
		}
	}
	if out, err := json.Marshal(got); err != nil || strings.Contains(string(out), "c4nary") || strings.Contains(string(out), "192.0.2") {
		t.Errorf("%s, %v", out, err)
	}
	if past := s.Sample(t.Context(), m, noon); len(past.Old) != 1 || len(past.New) != 1 {
		t.Errorf("%+v", past)
	}
}

func TestAnotherMachineIsAsked(t *testing.T) {
	s := source(t, map[string]string{"host": "ssh://ops@vm1"})
	asked := map[string]bool{}
	s.Open = func(_ context.Context, host, file string, _, _ int64) (io.ReadCloser, error) {
		asked[host+" "+file] = true
		return nil, errors.New("no route to host")
	}
	m := sides("/var/log/a.log ssh://ops@vm2:2222/var/log/b.log")
	if got := s.Sample(t.Context(), m, noon); !strings.Contains(got.Missing, "no route to host") || !asked["ssh://ops@vm1 /var/log/a.log"] {
		t.Errorf("%+v, asked %v", got, asked)
	}
	m = sides("ssh://ops@vm2:2222/var/log/b.log")
	if got := s.Sample(t.Context(), m, noon); got.Missing == "" || !asked["ssh://ops@vm2:2222 /var/log/b.log"] {
		t.Errorf("%+v, asked %v", got, asked)
	}
	plain := source(t, nil)
	if got := plain.Sample(t.Context(), m, noon); !strings.Contains(got.Missing, "cannot be reached from here") {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoSourceIsMissing(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	untimed := strings.Repeat("192.0.2.1 - - [01/Mar/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n", 60)
	for word, m := range map[string]migration.Metrics{
		"no access log":          sides(write("app.log", "INFO started\nINFO ready\n")),
		"has no time taken":      sides(write("untimed.log", untimed)),
		"lines cannot be read":   sides(write("mixed.log", strings.ReplaceAll(untimed, "5\n", "5 0.1\n")+strings.Repeat("?\n", 30))),
		"no line of it":          sides(write("empty.log", "")),
		"no such file":           sides(filepath.Join(dir, "gone.log")),
		"whole path":             sides("access.log"),
		"the filter has no end":  sides(`/a.log{status="5xx"`),
		"want name=":             sides(`/a.log{status}`),
		"cannot be filtered by":  sides(`/a.log{path="/x"}`),
		"want one such as 503":   sides(`/a.log{status="oops"}`),
		"ssh://user@machine":     sides("ssh:///a.log"),
		"neither here nor in":    sides(`{status="200"}`),
		"names no selector":      sides(" "),
		"the logs of the reques": {Old: migration.SideMetrics{Requests: "/a.log", Errors: `/b.log{status="5xx"}`}},
	} {
		s := source(t, nil)
		if got := s.Sample(t.Context(), m, noon.Add(time.Hour)); !strings.Contains(got.Missing, word) || got.Old != nil || !strings.Contains(got.Missing, "old side") {
			t.Errorf("%s: %+v", word, got)
		}
		if b, err := s.Baseline(t.Context(), m, noon.Add(time.Hour), 24*time.Hour); err == nil {
			t.Errorf("%s: a baseline %+v", word, b)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	for key, value := range map[string]string{
		"file": "relative.log", "host": "vm1", "server": "iis", "timeZone": "Mars/Olympus", "timeUnit": "h", "buckets": "1,1", "timeout": "0s", "url": "x",
	} {
		if _, err := accesslog.New(migration.Connection{Name: "logs", Settings: map[string]string{key: value}}); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "logs") {
			t.Errorf("%s %s: %v", key, value, err)
		}
	}
}

// A log that takes longer than the timeout is read in several goes.
func TestReadingGoesOnWhereItStopped(t *testing.T) {
	server := newServer(t)
	server.serve(5000)
	s, m := source(t, nil), sides(server.file)
	open := s.Open
	goes := 0
	s.Open = func(ctx context.Context, host, file string, offset, most int64) (io.ReadCloser, error) {
		r, err := open(ctx, host, file, offset, most)
		if err == nil && offset < 100_000 {
			goes++
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(r, 200_000), broken{}), r}, nil
		}
		return r, err
	}
	if got := s.Sample(t.Context(), m, server.now); !strings.Contains(got.Missing, "connection lost") {
		t.Fatalf("%+v", got)
	}
	if sum, _ := total(t, s, m, server.now); sum.Requests != 5000 || goes == 0 {
		t.Errorf("%+v in %d goes", sum, goes)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection lost") }
