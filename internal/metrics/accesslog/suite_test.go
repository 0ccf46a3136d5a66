package accesslog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/accesslog"
	"rehome.dev/rehome/internal/metrics/metricstest"
	"rehome.dev/rehome/internal/migration"
)

var _ engine.Metrics = (*accesslog.Source)(nil)

// world writes lines, as many as the counters grow by. Its time is that of the lines.
type world struct {
	t      *testing.T
	dir    string
	now    time.Time
	shown  map[string]analysis.Counters
	logs   map[migration.Side][]string
	edges  string
	silent map[migration.Side]bool
	down   atomic.Bool
	source *accesslog.Source
}

func newWorld(t *testing.T) metricstest.World {
	return &world{
		t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), edges: "0.1,0.5",
		shown: map[string]analysis.Counters{}, logs: map[migration.Side][]string{}, silent: map[migration.Side]bool{},
	}
}

func (w *world) Port() metricstest.Port {
	if w.source == nil {
		s, err := accesslog.New(migration.Connection{Name: "logs", Settings: map[string]string{"buckets": w.edges}})
		if err != nil {
			w.t.Fatal(err)
		}
		open := s.Open
		s.Open = func(ctx context.Context, host, file string, offset, most int64) (io.ReadCloser, error) {
			for side, silent := range w.silent {
				if silent && strings.Contains(file, string(side)) {
					return nil, errors.New("no route to host")
				}
			}
			if w.down.Load() {
				return nil, errors.New("no route to host")
			}
			return open(ctx, host, file, offset, most)
		}
		w.source = s
	}
	return w.source
}

func (w *world) Now() time.Time { return w.now }
func (w *world) Down()          { w.down.Store(true) }

func (w *world) Silence(side migration.Side) {
	w.silent[side] = true
	w.now = w.now.Add(4 * time.Second)
}

func (w *world) Metrics() migration.Metrics {
	side := func(s migration.Side) migration.SideMetrics {
		logs := strings.Join(w.logs[s], " ")
		if logs == "" {
			logs = filepath.Join(w.dir, string(s)+"-a.log")
		}
		return migration.SideMetrics{Requests: logs, Errors: `{status="5xx"}`, Latency: logs, Vantage: "application"}
	}
	return migration.Metrics{Old: side(migration.OldSide), New: side(migration.NewSide)}
}

func (w *world) Set(side migration.Side, instance string, c analysis.Counters) {
	file := filepath.Join(w.dir, string(side)+"-"+instance+".log")
	had, found := w.shown[file]
	if !found {
		w.logs[side] = append(w.logs[side], file)
	}
	w.shown[file] = c
	if c.Requests < had.Requests { // a restart; the log goes on
		had = analysis.Counters{}
	}
	if len(c.Buckets) > 0 && c.Buckets[0].LE == 0.005 {
		w.edges = "0.005,0.25"
	}
	w.now = w.now.Add(time.Second)
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	failed, last := c.Errors-had.Errors, uint64(0)
	for i, b := range c.Buckets {
		var before uint64
		if i < len(had.Buckets) {
			before = had.Buckets[i].Count
		}
		seconds := b.LE
		if math.IsInf(seconds, 1) {
			seconds = 100
		}
		for range b.Count - before - last {
			status := 200
			if failed > 0 {
				status, failed = 500, failed-1
			}
			line(out, w.now, status, fmt.Sprintf(" %.3f", seconds))
		}
		last = b.Count - before
	}
}

func line(to io.Writer, at time.Time, status int, end string) {
	fmt.Fprintf(to, "192.0.2.1 - - [%s] \"GET /x?y HTTP/1.1\" %d 17 \"-\" \"curl/8\"%s\n", at.Format("02/Jan/2006:15:04:05 -0700"), status, end)
}

func TestSuite(t *testing.T) {
	metricstest.Run(t, newWorld,
		"a counter begins again",                                 // a restart of the application does not reset its log
		"a baseline starts a new instance with its first scrape", // every line has its own time
		"a baseline says what it covers",                         // likewise: the lines before the second scrape count
	)
}
