package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/load"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// canary stands in every cookie, every variable and every file of the fake world.
const canary = "c4n4ry-s3cret"

// fakeBench is a staging environment whose pods are HTTP servers of this process.
type fakeBench struct {
	t *testing.T

	mu       sync.Mutex
	pods     []*fakePod
	copies   []*fakePod
	made     int
	swept    int
	left     []string // what an earlier drill has left
	sessions map[string]bool

	// What is wrong with the application.
	localSessions, blindReady, aliveTurns, crashes, brokenSmoke bool
	// What is wrong with the environment.
	noWay, unseen, killed, neverReady, noStats bool
	writable                                   bool
	kind                                       string // of the volume that pods write to
	files                                      map[string]string
	logFile                                    bool // it logs to a file
	silentLog                                  bool
	refused                                    bool // its log has EROFS
	growing                                    bool // the root grows
	mounted                                    tree.Tree
	dialErr                                    map[string]string
	remotes                                    []string
	names                                      map[string][]string
	staging, production                        Template
	stagingData, productionData                []Datum
	enterErr                                   error
}

type fakePod struct {
	Pod
	server   *httptest.Server
	sessions map[string]bool
	log      strings.Builder
	volume   map[string]string // of a claim or a scratch directory
	env      map[string]string
}

func newBench(t *testing.T) *fakeBench {
	b := &fakeBench{t: t, sessions: map[string]bool{}, kind: MountScratch, files: map[string]string{}}
	b.add("")
	b.add("")
	return b
}

// add starts a pod; with a name it is a copy.
func (b *fakeBench) add(name string) *fakePod {
	b.made++
	p := &fakePod{sessions: map[string]bool{}, volume: map[string]string{}}
	p.Pod = Pod{Name: name, UID: fmt.Sprintf("uid-%d", b.made), Node: "node", Container: "bank", Running: true, ReadOnlyRoot: !b.writable,
		Mounts: []Mount{{Path: "/etc/bank", Volume: "mount-0", Kind: MountConfig, ReadOnly: true}, {Path: "/tmp", Volume: "scratch", Kind: b.kind}}}
	for k, v := range b.files {
		p.volume[k] = v
	}
	p.server = httptest.NewServer(b.app(p))
	b.t.Cleanup(p.server.Close)
	if name == "" {
		p.Name = fmt.Sprintf("bank-%d", b.made)
		p.Ready = !b.neverReady || b.made <= 2
		b.pods = append(b.pods, p)
	} else {
		b.copies = append(b.copies, p)
	}
	return p
}

// app is a bank: POST /login begins a session, /session asks for it.
func (b *fakeBench) app(p *fakePod) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if p.env["DB"] != "" && !b.blindReady {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if p.env["DB"] != "" && b.aliveTurns {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		token := fmt.Sprintf("%s-%s-%d", canary, r.Host, len(b.sessions)+len(p.sessions))
		if b.localSessions {
			p.sessions[token] = true
		} else {
			b.sessions[token] = true
		}
		if b.logFile {
			p.volume["bank.log"] += "somebody signed in with " + canary + "\n"
		} else if !b.silentLog {
			p.log.WriteString("somebody signed in with " + canary + "\n")
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: token})
	})
	mux.HandleFunc("/session", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		c, err := r.Cookie("session")
		if err != nil || !b.sessions[c.Value] && !p.sessions[c.Value] {
			http.Error(w, "nobody", http.StatusUnauthorized)
		}
	})
	return mux
}

func (b *fakeBench) Sweep(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.swept++
	left := b.left
	b.left, b.copies = nil, nil
	return left, nil
}

func (b *fakeBench) Pods(ctx context.Context, _ string) ([]Pod, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Pod
	for _, p := range b.pods {
		out = append(out, p.Pod)
	}
	return out, ctx.Err()
}

func (b *fakeBench) find(p Pod) *fakePod {
	for _, list := range [][]*fakePod{b.pods, b.copies} {
		for _, f := range list {
			if f.UID == p.UID {
				return f
			}
		}
	}
	return nil
}

func (b *fakeBench) Look(_ context.Context, p Pod) (Pod, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.find(p)
	if f == nil {
		return Pod{}, ErrGone
	}
	return f.Pod, nil
}

func (b *fakeBench) End(ctx context.Context, p Pod) (Ending, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return Ending{}, ctx.Err()
	}
	for i, f := range b.pods {
		if f.UID == p.UID {
			b.pods = append(b.pods[:i:i], b.pods[i+1:]...)
			next := b.add("")
			if b.kind == MountClaim {
				next.Name = p.Name
				if b.files == nil {
					next.volume = map[string]string{}
				}
			}
			e := Ending{Seen: !b.unseen, Took: time.Second}
			if b.killed {
				e.Code, e.Reason = 137, "Error"
			}
			return e, nil
		}
	}
	return Ending{}, ErrGone
}

func (b *fakeBench) Log(_ context.Context, p Pod) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.find(p).log.String()
	if b.refused {
		text += "password=" + canary + ` open /var/cache/bank: read-only file system` + "\n"
	}
	return []byte(text), nil
}

func (b *fakeBench) Usage(_ context.Context, p Pod) (Usage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.noStats {
		return Usage{}, errors.New("the cluster forbids it: verb \"get\" on nodes/proxy")
	}
	u := Usage{At: time.Now(), Root: 28672, Volumes: map[string]uint64{"scratch": uint64(b.find(p).log.Len())}}
	if b.growing {
		u.Root += uint64(b.find(p).log.Len())
	}
	return u, nil
}

func (b *fakeBench) Enter(_ context.Context, p Pod, _ string, _ time.Duration) (func(context.Context, ...string) ([]byte, error), error) {
	if b.enterErr != nil {
		return nil, b.enterErr
	}
	return func(_ context.Context, args ...string) ([]byte, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		switch args[0] {
		case "tree":
			t := b.mounted
			if dir := args[len(args)-1]; dir == "/tmp" {
				t = treeOf(dir, b.find(p).volume)
			}
			if err := tree.Encode(&out, t); err != nil {
				return nil, err
			}
			return out.Bytes(), nil
		case "dial":
			for _, a := range args[1:] {
				_ = enc.Encode(dialled{Address: a, Err: b.dialErr[a], Micros: 1200})
			}
		case "sockets":
			for _, r := range b.remotes {
				_ = enc.Encode(socket{Remote: r, Dialled: true})
			}
			_ = enc.Encode(socket{Remote: "10.0.0.99:1234"})
		case "resolve":
			for _, n := range args[1:] {
				_ = enc.Encode(resolved{n, b.names[n]})
			}
		}
		out.WriteString("end\n")
		return out.Bytes(), nil
	}, nil
}

func (b *fakeBench) Forward(_ context.Context, p Pod, _ int32) (string, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.find(p)
	if f == nil {
		return "", nil, ErrGone
	}
	return f.server.URL, func() {}, nil
}

func (b *fakeBench) Address(context.Context, string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.noWay {
		return "", fmt.Errorf("Service bank-drill: %w", ErrNoWay)
	}
	return b.pods[0].server.URL, nil
}

func (b *fakeBench) Copy(_ context.Context, _ string, env map[string]string) (Pod, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.add("bank-drill")
	p.env = env
	if b.crashes {
		p.Running, p.Restarts = false, 2
	}
	return p.Pod, nil
}

func (b *fakeBench) Template(_ context.Context, env migration.Env, _ string) (Template, error) {
	if env == migration.Production {
		return b.production, nil
	}
	return b.staging, nil
}

func (b *fakeBench) Data(_ context.Context, env migration.Env, _ string) ([]Datum, error) {
	if env == migration.Production {
		return b.productionData, nil
	}
	return b.stagingData, nil
}

// treeOf is a tree of files with their hashes.
func treeOf(root string, files map[string]string) tree.Tree {
	t := tree.Tree{Root: root, Entries: []tree.Entry{{Path: ".", Kind: tree.Dir, Mode: 0o755}}}
	for name, text := range files {
		if dir, _, below := strings.Cut(name, "/"); below {
			t.Entries = append(t.Entries, tree.Entry{Path: dir, Kind: tree.Dir, Mode: 0o755})
		}
		t.Entries = append(t.Entries, tree.Entry{Path: name, Kind: tree.File, Mode: 0o644, Size: int64(len(text)), SHA256: sumOf(tree.Content(text))})
	}
	tree.Sort(t.Entries)
	return t
}

type fakeMachines struct {
	tree tree.Tree
	err  error
}

func (m fakeMachines) Tree(context.Context, migration.VM, migration.SSH, string) (tree.Tree, error) {
	return m.tree, m.err
}

type fakeSmoke struct{ b *fakeBench }

func (s fakeSmoke) Smoke(context.Context, migration.Smoke, string, string, string) (migration.SmokeResult, error) {
	if s.b.brokenSmoke {
		return migration.SmokeResult{Ran: 1, Failed: 1, Detail: []string{"answers: got 500"}}, nil
	}
	return migration.SmokeResult{Ran: 1}, nil
}

// world is an application that is right in everything, to be spoiled.
type world struct {
	bench    *fakeBench
	drills   *Drills
	spec     migration.Spec
	policy   migration.Policy
	machines inventory.Report
	load     inventory.Load // what each attack shows
}

func newWorld(t *testing.T) *world {
	w := &world{bench: newBench(t)}
	w.bench.mounted = treeOf("/etc/bank", map[string]string{"bank.conf": "key = " + canary})
	w.spec = migration.Spec{
		Name: "bank",
		VMs:  []migration.VM{{Host: "vm1", ConfigDirs: []string{"/etc/bank"}}},
		Workloads: []migration.Workload{{
			Name: "bank", Replicas: 2, Ports: []migration.Port{{Port: 8080}},
			Health: migration.Health{ReadinessPath: "/readyz", LivenessPath: "/healthz"},
			Mounts: []migration.Mount{{ConfigMap: "bank-config", Path: "/etc/bank"}},
		}},
		Target: migration.Destination{Namespace: "bank", StagingNamespace: "bank-staging"},
		Smoke:  migration.Smoke{Checks: []migration.HTTPCheck{{Name: "answers", Path: "/"}}},
		Drills: migration.Drills{
			For: time.Millisecond, Truth: map[string]string{"DB": canary},
			Session: &migration.SessionDrill{Begin: "/login?token=" + canary, Method: "POST", Check: "/session", Status: 200},
		},
	}
	w.policy = migration.Policy{AgentImage: "agent@sha256:1"}
	w.machines = inventory.Report{Machines: []inventory.Facts{{
		Target: inventory.Target{Host: "vm1"}, Looked: []inventory.Subject{inventory.SubjectPeers},
		Peers: []inventory.Peer{
			{Direction: inventory.Dialled, Protocol: "tcp", Address: "10.0.0.70", Port: 5432, Name: "db.example.org", NameFrom: "hosts"},
			{Direction: inventory.Dialled, Protocol: "udp", Address: "10.0.0.53", Port: 53},
			{Direction: inventory.Dialled, Protocol: "tcp", Address: "127.0.0.1", Port: 6379, Local: true},
			{Direction: inventory.Accepted, Protocol: "tcp", Address: "10.0.0.9", Port: 8080},
		},
	}}}
	w.load = inventory.Load{Rate: 25, Achieved: 25, Requests: 100, Valid: true}
	w.drills = &Drills{
		Bench:    func(migration.Spec) Bench { return w.bench },
		Machines: fakeMachines{tree: treeOf("/etc/bank", map[string]string{"bank.conf": "key = " + canary})},
		Smoke:    fakeSmoke{w.bench}, Every: time.Millisecond, Patience: 5 * time.Second,
		Attack: func(ctx context.Context, o load.Options) (inventory.Load, error) {
			select { // as long as a load would last
			case <-time.After(o.For):
			case <-ctx.Done():
			}
			return w.load, nil
		},
	}
	return w
}

// drill makes one, and demands that no canary is in its result.
func (w *world) drill(t *testing.T, name migration.StagingDrill) migration.DrillResult {
	t.Helper()
	res, err := w.drills.Drill(t.Context(), w.spec, w.policy, migration.RunDrill{Env: migration.Staging, Drill: name, Workload: "bank"}, w.machines)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(res)
	if err != nil || strings.Contains(string(text), canary) {
		t.Errorf("a canary is told, %v: %s", err, strings.ReplaceAll(string(text), canary, "…"))
	}
	if res.Verdict != migration.Pass && res.Remedy == "" {
		t.Errorf("no remedy: %s", res.Text)
	}
	if len(w.bench.copies) > 0 || len(w.bench.pods) != 2 {
		t.Errorf("%d copies and %d pods are left", len(w.bench.copies), len(w.bench.pods))
	}
	return res
}
