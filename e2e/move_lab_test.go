//go:build lab

package e2e

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/internal/store/sqlite"
	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/client"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// The exit codes of rehome.
const (
	done       = 0
	failed     = 1
	blocked    = 3
	waiting    = 4
	rolledBack = 5
)

// The TTLs of the records, in seconds: as the lab has them, as a test begins with
// them, and as the policy lowers them.
const (
	labTTL    = 30
	beginTTL  = 4
	policyTTL = 3
)

// short are the waits of the suites. They are so short that a suite fits into
// minutes, and long enough for what they wait for.
var short = map[string]string{
	"dns.ttl":              "3s",
	"dns.lead":             "1s",
	"dns.propagation":      "10s",
	"balancer.clean":       "3s",
	"baseline.for":         "10s",
	"baseline.minRequests": "500",
	"watch.for":            "10s",
	"watch.restartFree":    "5s",
	"watch.warmUp":         "2s",
	"watch.errorTolerance": "0.5", // so that a thousand requests decide
	"watch.blind.askAfter": "3s",
	"blind.rollbackAfter":  "6s",
	"rollback.budget":      "15s",
	"rollback.drain":       "10s",
	"rollback.trial":       "1s",
	"hold.for":             "10s",
	"hold.residual":        "5s",
}

// move is one migration on the lab, with everything that rehome said in it.
type move struct {
	*demo.World
	t       *testing.T
	lab     *part.Lab
	said    *transcript
	store   *sqlite.Store
	seen    uint64 // the record up to which await has looked
	running *process
	drilled bool // the drills of staging are made and not waived
}

// newMove gives the migration of a branch, that has not begun and of which there is
// nothing from one before. The branch is given back when the test ends, and no secret
// may be in anything that was written or said meanwhile.
//
// The resolver may know the name of the head office, whose clients are always there, for
// as long as the lab's TTL; see forgotten.
func newMove(t *testing.T, b branch.Branch, release func(demo.Images) string, policy map[string]string) *move {
	t.Helper()
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	m := &move{t: t, lab: lab, said: &transcript{}}
	if m.World, err = demo.NewWorld(t.Context(), lab, filepath.Join(t.TempDir(), "move"), m.said); err != nil {
		t.Fatal(err)
	}
	if b != branch.Head {
		m.must(m.At(b))
	}
	images, err := m.Images()
	if err != nil {
		t.Fatal(err)
	}
	m.must(m.UseImage(release(images)))
	for _, values := range []map[string]string{short, policy} {
		for key, value := range values {
			m.must(m.SetPolicy(key, value))
		}
	}
	m.reset(beginTTL)
	t.Cleanup(m.end)
	if b != branch.Head {
		m.must(client.Start(t.Context(), lab, b))
		m.forgotten()
	}
	return m
}

func good(i demo.Images) string { return i.Good }
func bad(i demo.Images) string  { return i.Bad }

// end looks for secrets, shows what was said where the test failed, and gives the
// branch back.
func (m *move) end() {
	if m.running != nil {
		m.running.kill()
	}
	m.noSecretWritten()
	if m.store != nil {
		m.store.Close()
	}
	if m.t.Failed() {
		m.t.Logf("what rehome said:\n%s", m.said)
	}
	if m.Branch == branch.Head {
		m.reset(labTTL)
		return
	}
	m.reset(beginTTL)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m.must(client.Stop(ctx, m.lab, m.Branch))
}

// reset returns when the branch is as before a migration, with that TTL of its names.
func (m *move) reset(ttl int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m.must(m.Reset(ctx, ttl))
}

// forgotten returns when the resolver knows the name no longer than a test begins with.
func (m *move) forgotten() {
	m.t.Helper()
	m.eventually(time.Minute, "both name servers and the resolver lead to the old side as a test begins", func() bool {
		held := ask(network.Resolver, m.Branch.Service(), mdns.TypeA)
		return m.leads(m.old(), network.NS1, network.NS2, network.Resolver) && len(held) == 1 && held[0].Header().Ttl <= beginTTL
	})
}

func (m *move) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// run runs one command and demands its exit code.
func (m *move) run(want int, args ...string) string {
	m.t.Helper()
	from := m.said.len()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*time.Minute)
	defer cancel()
	m.must(m.Rehome(ctx, want, args...))
	return m.said.from(from)
}

// prepared declares the migration, and says everything that a person has to say
// before the switch.
func (m *move) prepared() {
	m.t.Helper()
	m.run(blocked, "run", m.File())
	m.must(m.Waive(m.t.Context()))
	if !m.drilled {
		m.must(m.WaiveDrills(m.t.Context()))
	}
	m.run(done, "approve", demo.Name, "--for", "1h")
}

// kubectl runs kubectl in the namespace of production or staging.
func (m *move) kubectl(namespace string, args ...string) string {
	m.t.Helper()
	out, err := cluster.Kubectl(m.t.Context(), m.lab, nil, append([]string{"-n", namespace}, args...)...)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// forget deletes an object that a test has made, after the test.
func (m *move) forget(namespace, kind, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, m.lab, nil, "-n", namespace, "delete", kind, name); err != nil {
		m.t.Error(err)
	}
}

// eventually looks until what is waited for is there.
func (m *move) eventually(within time.Duration, what string, there func() bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for !there() {
		select {
		case <-ctx.Done():
			m.t.Fatalf("after %s it is not true yet that %s", within, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// transcript is what rehome said, by several processes at once.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string { return s.from(0) }

func (s *transcript) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Len()
}

func (s *transcript) from(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text.Bytes()[n:])
}
