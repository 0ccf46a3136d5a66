package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/cli"
	"rehome.dev/rehome/internal/wire"
	"rehome.dev/rehome/lab/prometheus/promtest"
)

// A past of the bank's machine, scraped every two minutes for eight days: 3000 requests
// a minute, 0.1 % of them failing; on one day they fail for twenty minutes, on another
// nobody scrapes for two hours.
const (
	pastDays      = 8
	pastEvery     = 2 * time.Minute
	incidentAgo   = 47*time.Hour + 52*time.Minute
	incidentLasts = 20 * time.Minute
	silenceAgo    = 4 * 24 * time.Hour
	silenceLasts  = 2 * time.Hour
)

func pastOfTheBank(now time.Time) []byte {
	r := rand.New(rand.NewSource(1))
	const labels = `job="vm",instance="bank-vm-1"`
	var served, failed, buckets strings.Builder
	fmt.Fprintln(&served, "# TYPE http_requests counter")
	fmt.Fprintln(&buckets, "# TYPE http_request_duration_seconds histogram")
	var n, errors int
	for ago := pastDays * 24 * time.Hour; ago >= 0; ago -= pastEvery {
		rate, at := 6., now.Add(-ago).Unix()
		if ago <= incidentAgo && ago > incidentAgo-incidentLasts {
			rate = 300
		}
		n += 6000
		for x := r.ExpFloat64(); x < rate; x += r.ExpFloat64() {
			errors++
		}
		if ago <= silenceAgo && ago > silenceAgo-silenceLasts {
			continue
		}
		fmt.Fprintf(&served, "http_requests_total{%s,code=\"200\"} %d %d\n", labels, n-errors, at)
		fmt.Fprintf(&failed, "http_requests_total{%s,code=\"500\"} %d %d\n", labels, errors, at)
		for le, share := range map[string]int{"0.1": 900, "0.25": 985, "0.28": 997, "+Inf": 1000} {
			fmt.Fprintf(&buckets, "http_request_duration_seconds_bucket{%s,le=%q} %d %d\n", labels, le, n/1000*share, at)
		}
	}
	return []byte(served.String() + failed.String() + buckets.String() + "# EOF\n")
}

// TestJudgeThePast: a week of a real Prometheus is judged window by window.
func TestJudgeThePast(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	server := promtest.Start(t)
	server.Backfill(pastOfTheBank(now))
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bank, err := os.ReadFile("testdata/move/royal-bank-api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write("royal-bank-api.yaml", string(bank))
	write("token", canary+"\n")
	write("kubeconfig", "")
	write("policy.yaml", `apiVersion: rehome.dev/v1alpha1
kind: Policy
metadata: {name: golemtrust}
spec:
  providers:
    dns: [{name: golem-dns, type: rfc2136, settings: {server: "127.0.0.1:9", tsigName: rehome., tsigSecretFile: token}}]
    clusters: [{name: golem, type: kubernetes, settings: {kubeconfig: kubeconfig}}]
    metrics: [{name: golem-prometheus, type: prometheus, settings: {url: "`+server.URL+`", scrapeInterval: 2m, bearerTokenFile: token}}]
`)
	judge := func(args ...string) (code int, out, errs string) {
		var stdout, stderr bytes.Buffer
		code = cli.Run(context.Background(), cli.Program{
			Args: append([]string{"judge", filepath.Join(dir, "royal-bank-api.yaml")}, args...), Name: "rehome",
			Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }, Zone: time.UTC, Registry: wire.Standard(),
		})
		if said := stdout.String() + stderr.String(); strings.Contains(said, canary[:20]) {
			t.Error("the secret was said")
		}
		return code, stdout.String(), stderr.String()
	}
	week(t, now, judge)
	healthy(t, now, judge)
	if code, _, errs := judge("--to", "20d", "--from", "1d"); code != 1 || !strings.Contains(errs, "no series from") {
		t.Errorf("before anybody scraped: exit %d, %s", code, errs)
	}
}

type judgeCall func(args ...string) (code int, out, errs string)

// replay is what a script reads of it.
type replay struct {
	Windows, Judged, RolledBack, Good, Unresolved, Blind int
	NotJudged                                            []struct {
		Windows int
		Why     string
	}
	Coverage          float64
	AllowedByChance   float64
	Dispersion        struct{ Median, Most float64 }
	Gaps              []struct{ From, To time.Time }
	RolledBackWindows []struct {
		From, At time.Time
		Metric   string
	}
}

func week(t *testing.T, now time.Time, judge judgeCall) {
	code, out, errs := judge("--to", now.Format(time.RFC3339), "--from", "7d", "-o", "json")
	var v replay
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 5 {
		t.Fatalf("exit %d, %v: %s\n%s", code, err, out, errs)
	}
	t.Logf("%+v", v)
	if v.Windows != 672 || v.Judged+len(v.NotJudged) >= v.Windows || len(v.NotJudged) > 2 || v.Good < 600 || v.Good+v.Unresolved+v.Blind+v.RolledBack != v.Judged {
		t.Errorf("%+v", v)
	}
	begun := now.Add(-incidentAgo)
	if v.RolledBack == 0 || v.RolledBack > 2 || v.RolledBackWindows[0].At.After(begun.Add(2*pastEvery)) {
		t.Errorf("rolled back %d windows, want those of the incident, and at once", v.RolledBack)
	}
	for _, b := range v.RolledBackWindows {
		if b.At.Before(begun) || b.At.After(begun.Add(incidentLasts+pastEvery)) || b.Metric != "error_rate" {
			t.Errorf("%+v, the incident was at %s", b, begun)
		}
	}
	if len(v.Gaps) != 1 || v.Gaps[0].From.Before(now.Add(-silenceAgo)) || v.Gaps[0].To.After(now.Add(-silenceAgo+silenceLasts)) ||
		v.Coverage < 0.985 || v.Coverage > 0.992 {
		t.Errorf("gaps %v, %v covered", v.Gaps, v.Coverage)
	}
	if v.Dispersion.Median > 1.5 || v.Dispersion.Most < 10 || v.AllowedByChance < 0.6 || v.AllowedByChance > 0.7 {
		t.Errorf("dispersion %v, by chance %v", v.Dispersion, v.AllowedByChance)
	}
	if !strings.Contains(errs, "reading the old side's counters from golem-prometheus") {
		t.Errorf("no progress: %s", errs)
	}
}

func healthy(t *testing.T, now time.Time, judge judgeCall) {
	code, out, errs := judge("--to", now.Format(time.RFC3339), "--from", "20h", "--window", "30m", "--every", "1h")
	for _, want := range []string{
		"royal-bank-api: 20h of its own traffic, ", ": 20 windows of 30m, each after 1h of baseline\n",
		"  rolled back: 0 of 20 judged (by chance, at most 0.02 at α 0.001)\n", "  good: 20\n", "  seen: 100 % of the time\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, out, errs)
		}
	}
	if code != 0 {
		t.Errorf("exit %d", code)
	}
}
