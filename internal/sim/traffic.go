package sim

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	cluster "rehome.dev/rehome/internal/cluster/memory"
	"rehome.dev/rehome/internal/migration"
)

// Behaviour is how a side answers: the share of errors, and the latency.
type Behaviour struct {
	ErrorRate float64
	Latency   time.Duration
}

// resolver is one caching resolver and the clients behind it.
type resolver struct {
	stretch time.Duration // it keeps answers for at least so long
	answer  []string
	expires time.Time
	server  string // which authoritative server it asks
}

// resolve gives the addresses that clients of this resolver use now.
func (w *World) resolve(r *resolver, now time.Time) []string {
	if now.Before(r.expires) {
		return r.answer
	}
	name := w.opts.Spec.Names[0]
	for _, typ := range []string{"A", "AAAA", "CNAME"} {
		set, ok := w.DNS.Served(r.server, name.Zone, name.View, name.Name, typ)
		if !ok {
			return r.answer // served stale: the server does not answer (RFC 8767)
		}
		if len(set.Data) > 0 {
			r.answer = set.Data
			r.expires = now.Add(max(time.Duration(set.TTL)*time.Second, r.stretch))
			return r.answer
		}
	}
	r.answer = nil
	return nil
}

// Count is what the clients have seen.
type Count struct {
	Sent   uint64                    `json:"sent"`
	Lost   uint64                    `json:"lost"`   // nobody answered
	Errors uint64                    `json:"errors"` // answered with an error
	By     map[migration.Side]uint64 `json:"by"`
}

// failed are the requests that did not get what they came for.
func (c Count) failed() uint64 { return c.Lost + c.Errors }

// Ticks of traffic: fine while somebody looks often, coarse while nobody does.
const (
	fineTick   = time.Second
	coarseTick = time.Minute
	longGap    = 15 * time.Second
)

// catchUp plays the traffic up to now. It is called before anything is looked
// at or changed, so that every request meets the world of its time.
func (w *World) catchUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	tick := fineTick
	if now.Sub(w.played) > longGap {
		tick = coarseTick
	}
	for w.played.Before(now) {
		next := w.played.Add(tick)
		if next.After(now) {
			next = now
		}
		w.traffic(w.played, next)
		w.played = next
	}
}

// traffic lets every resolver's clients send their share of the load.
func (w *World) traffic(from, to time.Time) {
	w.behind = map[string][]cluster.Backend{}
	share := w.opts.Rate * to.Sub(from).Seconds() / float64(len(w.resolvers))
	for i := range w.resolvers {
		w.carry += share
		n := uint64(w.carry)
		w.carry -= float64(n)
		w.send(w.resolve(&w.resolvers[i], to), n)
	}
	w.keepScraped()
	w.scrape(to)
}

// served is what one instance did within a tick.
type served struct {
	side             migration.Side
	requests, errors uint64
	latency          time.Duration
}

// scrape gives the tick's sums to the metrics, instance by instance.
func (w *World) scrape(at time.Time) {
	for _, id := range slices.Sorted(maps.Keys(w.tick)) {
		t := w.tick[id]
		w.Metrics.Serve(t.side, id, at, t.requests, t.errors, t.latency)
	}
	clear(w.tick)
}

func (w *World) send(addresses []string, n uint64) {
	w.count.Sent += n
	if len(addresses) == 0 || n == 0 {
		w.count.Lost += n
		return
	}
	address := strings.TrimSuffix(addresses[0], ".")
	if address == w.opts.Spec.OldEntry.Addresses[0] {
		w.serve(migration.OldSide, "vm", w.Old, n)
		return
	}
	if _, err := netip.ParseAddr(address); err != nil {
		w.count.Lost += n
		return
	}
	pods := w.backends(address)
	if len(pods) == 0 {
		w.count.Lost += n
		return
	}
	if pods[0].Forwards {
		w.serve(migration.OldSide, "vm", w.Old, n)
		return
	}
	for i, pod := range pods {
		part := n / uint64(len(pods))
		if i == 0 {
			part += n % uint64(len(pods))
		}
		w.serve(migration.NewSide, pod.Pod, w.New(pod.Image), part)
	}
}

func (w *World) serve(side migration.Side, instance string, b Behaviour, n uint64) {
	if n == 0 {
		return
	}
	if side == migration.OldSide && w.oldDown {
		w.count.Lost += n
		return
	}
	errors := binomial(w.rng, n, b.ErrorRate)
	w.count.By[side] += n
	w.count.Errors += errors
	t := w.tick[instance]
	w.tick[instance] = served{side, t.requests + n, t.errors + errors, b.Latency}
}

// keepScraped lets instances without a request be scraped all the same.
func (w *World) keepScraped() {
	if !w.oldDown {
		w.idle(migration.OldSide, "vm")
	}
	for _, pod := range w.Cluster.Serving(w.opts.Spec.Target.Namespace) {
		w.idle(migration.NewSide, pod.Pod)
	}
}

// backends are the pods behind an address in this tick.
func (w *World) backends(address string) []cluster.Backend {
	pods, ok := w.behind[address]
	if !ok {
		pods = w.Cluster.Backends(address, int(w.port()))
		w.behind[address] = pods
	}
	return pods
}

func (w *World) idle(side migration.Side, instance string) {
	if _, busy := w.tick[instance]; !busy {
		w.tick[instance] = served{side: side}
	}
}

// binomial draws how many of n fail with probability p.
func binomial(rng *rand.Rand, n uint64, p float64) uint64 {
	var k uint64
	if p <= 0 {
		return 0
	}
	for range n {
		if rng.Float64() < p {
			k++
		}
	}
	return k
}
