package drill

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// apart is staging with a database of its own, and production with its.
func apart(w *world) {
	b := w.bench
	b.staging = Template{Env: map[string]tree.Content{"CACHE": tree.Content("redis://:" + canary + "@cache.staging:6379"), "TOKEN": tree.Content(canary)}, Replicas: 1, Resources: "requests cpu=50m"}
	b.production = Template{Env: map[string]tree.Content{"CACHE": tree.Content("redis://:" + canary + "@cache:6379"), "TOKEN": tree.Content(canary)}, Replicas: 2, Resources: "requests cpu=50m"}
	b.stagingData = []Datum{{"Secret bank", "db.conf", "/etc/bank/db.conf", tree.Content("db_host = db.staging.example.org\ndb_port = 5432\ndb_password = " + canary)}}
	b.productionData = []Datum{{"Secret bank", "db.conf", "/etc/bank/db.conf", tree.Content("db_host = db.example.org\ndb_port = 5432\ndb_password = x" + canary)}}
	b.remotes = []string{"10.0.0.71:5432"}
	b.names = map[string][]string{"db.staging.example.org": {"10.0.0.71"}, "cache.staging": {"10.0.0.72"}}
}

func (w *world) isolation(t *testing.T) migration.IsolationFacts {
	t.Helper()
	f, err := w.drills.Isolation(t.Context(), w.spec, w.policy, w.machines)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("a canary is told, %v", err)
	}
	return f
}

func TestIsolationOfWhatIsApart(t *testing.T) {
	w := newWorld(t)
	apart(w)
	want := migration.IsolationFacts{
		Peers: []migration.StagingPeer{
			{Address: "10.0.0.71:5432", Kind: "database", Seen: []string{"connection of pod bank-1", "connection of pod bank-2"}},
			{Address: "cache.staging:6379", Kind: "cache", Seen: []string{"variable CACHE"}},
			{Address: "db.staging.example.org:5432", Kind: "other", Seen: []string{"db.conf of Secret bank"}},
		},
		Differences: []string{"variable CACHE differs", "replicas: 1 in staging, 2 in production", "db.conf of Secret bank differs"},
	}
	want.Peers[2].Kind = "database"
	if got := w.isolation(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

// Production's peers are known by name, by the address behind another name, and by
// connections.
func TestIsolationFindsProduction(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil   func(*fakeBench)
		address string
	}{
		"by name": {func(b *fakeBench) {
			b.stagingData[0].Content = tree.Content("postgres://u:" + canary + "@DB.example.org/x")
		}, "db.example.org:5432"},
		"behind another name": {func(b *fakeBench) { b.names["db.staging.example.org"] = []string{"10.0.0.70"} }, "db.staging.example.org:5432"},
		"behind another name, beside one that no pod resolves": {func(b *fakeBench) {
			b.names = map[string][]string{"db.staging.example.org": {"10.0.0.70"}}
		}, "db.staging.example.org:5432"},
		"by connection":  {func(b *fakeBench) { b.remotes = append(b.remotes, "10.0.0.70:5432") }, "10.0.0.70:5432"},
		"without a port": {func(b *fakeBench) { b.staging.Env["DB_HOST"] = tree.Content("db.example.org") }, "db.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			apart(w)
			tt.spoil(w.bench)
			var found []string
			for _, p := range w.isolation(t).Peers {
				if p.Production {
					found = append(found, p.Address)
				}
			}
			if !slices.Equal(found, []string{tt.address}) {
				t.Errorf("production's are %q, wanted %s", found, tt.address)
			}
		})
	}
}

// The same host at another port is another peer.
func TestIsolationTellsPorts(t *testing.T) {
	w := newWorld(t)
	apart(w)
	w.bench.remotes = []string{"10.0.0.70:8443"}
	for _, p := range w.isolation(t).Peers {
		if p.Production {
			t.Errorf("%s is said to be production's", p.Address)
		}
	}
}

func TestIsolationThatCannotBeSeen(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"no facts":      func(w *world) { w.machines = inventory.Report{} },
		"peers unseen":  func(w *world) { w.machines.Machines[0].Looked = nil },
		"no agent":      func(w *world) { w.policy.AgentImage = "" },
		"agent away":    func(w *world) { w.bench.enterErr = errors.New("ImagePullBackOff") },
		"one namespace": func(w *world) { w.spec.Target.StagingNamespace = w.spec.Target.Namespace },
	} {
		w := newWorld(t)
		apart(w)
		spoil(w)
		if f, err := w.drills.Isolation(t.Context(), w.spec, w.policy, w.machines); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// A look holds for a while, and no longer than until the next drill.
func TestIsolationIsRemembered(t *testing.T) {
	w := newWorld(t)
	apart(w)
	before := w.isolation(t)
	w.bench.remotes = nil
	if got := w.isolation(t); !reflect.DeepEqual(got, before) {
		t.Error("a second look was taken at once")
	}
	w.drill(t, migration.DrillSession)
	if got := w.isolation(t); reflect.DeepEqual(got, before) {
		t.Error("after a drill the old look is given")
	}
}
