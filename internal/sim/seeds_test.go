package sim

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// A migration that has failed is told again with -seed and its number.
var (
	oneSeed   = flag.Int64("seed", -1, "tell the migration of this seed alone, with all that happened")
	firstSeed = flag.Uint64("first-seed", 1, "the first seed of TestSeeds")
	seeds     = flag.Int("seeds", migrations, "how many migrations TestSeeds tells")
)

// TestSeeds tells whole migrations, each of which its seed alone decides: what is
// moved and through which resolvers, which calls fail and when a process is killed,
// what goes away for a while, what others change, whose clock jumps, and what people
// do twice. Whatever happens, the history holds what must hold (trip.judge).
func TestSeeds(t *testing.T) {
	if *oneSeed >= 0 {
		inBubble(t, func(t *testing.T) {
			tr := begin(t, uint64(*oneSeed))
			for _, f := range tr.tell() {
				t.Error(f)
			}
			t.Logf("%s\n%s", tr.plan, tr.transcript())
		})
		return
	}
	// Worlds are made and thrown away: collect more rarely what they leave.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var next atomic.Uint64
	next.Store(*firstSeed)
	end := *firstSeed + uint64(*seeds)
	var sum tally
	for n := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprintf("row-%d", n), func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed < end && !t.Failed(); seed = next.Add(1) - 1 {
				inBubble(t, func(t *testing.T) { one(t, seed, &sum) })
			}
		})
	}
	t.Cleanup(func() { t.Log(sum.String()) })
}

// one tells the migration of a seed.
func one(t *testing.T, seed uint64, sum *tally) {
	tr := begin(t, seed)
	found := tr.tell()
	sum.add(tr)
	if len(found) == 0 {
		return
	}
	for _, f := range found {
		t.Error(f)
	}
	t.Errorf("to see it again: go test ./internal/sim -run TestSeeds -v -seed %d\n%s", seed, tr.plan)
}

// tally counts how migrations ended.
type tally struct {
	mu    sync.Mutex
	ends  map[migration.Mode]int
	steps int
	lives int
	took  time.Duration // of virtual time
}

func (c *tally) add(tr *trip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[migration.Mode]int{}
	}
	c.ends[tr.now.Mode]++
	c.steps, c.lives, c.took = c.steps+tr.steps, c.lives+tr.lives, c.took+tr.World.Clock.Now().Sub(tr.began)
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, k := range c.ends {
		n += k
	}
	return fmt.Sprintf("%d migrations in %s of virtual time: %v; %d decisions of %d processes", n, c.took.Round(time.Hour), c.ends, c.steps, c.lives)
}
