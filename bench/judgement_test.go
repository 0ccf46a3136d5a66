package main

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/analysis"
)

func TestUpperLimit(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 100_000, 2.9957e-5}, {0, 1, 0.95}, {1, 2, 0.9747}, {5, 1000, 0.010480}, {3, 3, 1}} {
		if got := upper(c.k, c.n); math.Abs(got-c.want) > 1e-3*c.want {
			t.Errorf("%d of %d: %v, want %v", c.k, c.n, got, c.want)
		}
	}
}

// Both ways of drawing have the binomial's mean and variance.
func TestBinomialDraws(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		n uint64
		p float64
	}{{100, 0.02}, {5000, 0.0001}, {1000, 0.05}, {40, 0.5}, {1000, 0.9}, {1 << 24, 3e-4}} {
		const draws = 20_000
		var sum, squares float64
		for range draws {
			x := float64(binomial(r, c.n, c.p))
			sum, squares = sum+x, squares+x*x
		}
		n := float64(c.n)
		mean, variance := sum/draws, squares/draws-sum/draws*sum/draws
		spread := n * c.p * (1 - c.p)
		if math.Abs(mean-n*c.p) > 4*math.Sqrt(spread/draws) || math.Abs(variance/spread-1) > 4*math.Sqrt((2+1/spread)/draws) {
			t.Errorf("%d at %v: mean %v, variance %v; want %v, %v", c.n, c.p, mean, variance, n*c.p, spread)
		}
	}
}

// However errors come, they are as many as the service's rate says, before the watch
// and in it; and bursts are told by the dispersion.
func TestTrafficFailsAsOftenAsItSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		traffic traffic
		bursty  bool
	}{
		{"singly", traffic{perSecond: 100, rate: 0.01}, false},
		{"in lumps", traffic{perSecond: 100, rate: 0.01, lump: 10}, true},
		{"in spells", traffic{perSecond: 100, rate: 0.01, spell: 10 * time.Second, spellRate: 0.2}, true},
	} {
		var before, in tick
		bursty := 0
		const windows = 150
		for i := range windows {
			w := c.traffic.cut(trial{seed: 2}.draws(0, i), 5*time.Second, 0, c.traffic.rate)
			before.requests, before.errors = before.requests+w.base.Requests, before.errors+w.base.Errors
			for _, k := range w.ticks {
				in.requests, in.errors = in.requests+k.requests, in.errors+k.errors
			}
			if w.base.Dispersion > 3 {
				bursty++
			}
		}
		for _, sum := range []tick{before, in} {
			if share := float64(sum.errors) / float64(sum.requests); math.Abs(share-0.01) > 0.001 {
				t.Errorf("%s: %v of the requests fail", c.name, share)
			}
		}
		if c.bursty && bursty < windows*9/10 || !c.bursty && bursty > windows/50 {
			t.Errorf("%s: bursts in %d of %d windows", c.name, bursty, windows)
		}
	}
}

// minutes is a window of samples of half a minute, by failed requests of a hundred.
func minutes(failed ...uint64) window {
	w := window{every: 30 * time.Second}
	for _, x := range failed {
		w.ticks = append(w.ticks, tick{100, x / 2}, tick{100, x - x/2})
	}
	return w
}

func TestRivals(t *testing.T) {
	silent := minutes(0, 0)
	silent.ticks[2], silent.ticks[3] = tick{}, tick{}
	for _, c := range []struct {
		name          string
		window        window
		flagger, argo time.Duration // of 1 and of 0 failures
		third         time.Duration // of Argo's limit of 3
	}{
		{"healthy", minutes(0, 2, 0, 1, 0), 0, 0, 0},
		{"one failed check, acted upon at the next", minutes(0, 4, 0), 3 * time.Minute, 2 * time.Minute, 0},
		{"failed in the last interval", minutes(0, 0, 4), 0, 3 * time.Minute, 0},
		{"not one after the other", minutes(9, 0, 9, 0, 9, 9), 2 * time.Minute, time.Minute, 6 * time.Minute},
		{"a minute of silence", silent, 0, 2 * time.Minute, 0},
	} {
		for name, got := range map[string]func() (time.Duration, bool){
			"Flagger": func() (time.Duration, bool) { return flagger(c.window, 0.99, 1) },
			"Argo":    func() (time.Duration, bool) { return argo(c.window, 0.99, 0) },
			"Argo 3":  func() (time.Duration, bool) { return argo(c.window, 0.99, 3) },
		} {
			want := map[string]time.Duration{"Flagger": c.flagger, "Argo": c.argo, "Argo 3": c.third}[name]
			if at, bad := got(); at != want || bad != (want > 0) {
				t.Errorf("%s: %s rolls back at %v, %t; want %v", c.name, name, at, bad, want)
			}
		}
	}
	if least := fitted(analysis.Baseline{Requests: 1000, Errors: 20}); math.Abs(least-0.979) > 1e-12 {
		t.Errorf("fitted limit %v", least)
	}
}

// The same seed gives the same tables, in their place in the document; what stands
// around them stays.
func TestJudgementIsMeasured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "judgement.md")
	few := trial{windows: 100, traces: 3, seed: 5, document: file}
	var texts [2]string
	for i := range texts {
		if err := os.WriteFile(file, []byte("# Head\n"+marks[0]+"\nold\n"+marks[1]+"\ntail\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := few.measure(t.Context(), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(written)
		if !strings.Contains(texts[i], out.String()) || strings.Contains(texts[i], "old") ||
			!strings.HasPrefix(texts[i], "# Head\n") || !strings.HasSuffix(texts[i], "\ntail\n") {
			t.Fatalf("%s", texts[i])
		}
	}
	if texts[0] != texts[1] {
		t.Errorf("the same seed gives\n%s\nand\n%s", texts[0], texts[1])
	}
	for _, want := range []string{"| steady | 20 | 0 |", "| all with independent errors | 75 | 0 |", "| 0.1 → 1 % | 1000 | 1s | 1.0 s | 2s | 2.00 |"} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("no %q in\n%s", want, texts[0])
		}
	}
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	few.windows = 0
	if err := few.measure(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), marks[0]) {
		t.Errorf("without marks: %v", err)
	}
}
