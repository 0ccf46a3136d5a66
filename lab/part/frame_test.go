package part

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestArgv(t *testing.T) {
	l := testLab(t)
	const bind = `mount --bind -- "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"`
	for _, tc := range []struct {
		name    string
		process Process
		want    []string
	}{
		{"as it is", Process{Path: "ls", Args: []string{"-l"}}, []string{"ls", "-l"}},
		{"in a network", Process{Path: "ls", Netns: "rehome-vm"}, []string{"nsenter", "--net=/run/netns/rehome-vm", "--", "ls"}},
		{"among the node's mounts", Process{Path: "ls", Netns: "rehome-node", Mounts: "/m"},
			[]string{"nsenter", "--net=/run/netns/rehome-node", "--mount=/m", "--", "ls"}},
		{"with mounts of its own", Process{Path: "ls", OwnMounts: true}, []string{"unshare", "--mount", "--", "ls"}},
		{"with the lab's resolver", Process{Path: "ls", Netns: "rehome-ops", Resolver: true},
			[]string{"nsenter", "--net=/run/netns/rehome-ops", "--", "unshare", "--mount", "--", "sh", "-c", bind, l.ResolvConf(), "ls"}},
	} {
		if got := l.wrap(tc.process); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

func TestMountsBelow(t *testing.T) {
	const mountinfo = `22 27 0:21 / /proc rw - proc proc rw
30 27 8:1 /x /run/lab rw - ext4 /dev/a rw
31 27 8:1 /x /run/lab/root rw - ext4 /dev/a rw
32 31 0:9 / /run/lab/root/with\040space rw - tmpfs tmpfs rw
33 27 0:9 / /run/laboratory rw - tmpfs tmpfs rw
torn line
`
	got := mountsBelow(mountinfo, "/run/lab")
	if want := []string{"/run/lab/root/with space", "/run/lab/root", "/run/lab"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestProgress(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		var out bytes.Buffer
		p := NewProgress(&out, verbose)
		p.now = func() time.Time { return p.start.Add(12340 * time.Millisecond) }
		p.Say("cluster", "node is %s", "Ready")
		p.Detail("cluster", "etcd runs")
		want := "  12.3s  cluster     node is Ready\n"
		if verbose {
			want += "  12.3s  cluster     etcd runs\n"
		}
		if out.String() != want {
			t.Errorf("verbose %v:\n%q, want\n%q", verbose, out.String(), want)
		}
	}
}

func TestPoll(t *testing.T) {
	boom := errors.New("boom")
	for _, tc := range []struct {
		name  string
		f     func(call int) error
		calls int
		want  error
		took  time.Duration
	}{
		{"at once", func(int) error { return nil }, 1, nil, 0},
		{"after a while", func(n int) error {
			if n < 4 {
				return boom
			}
			return nil
		}, 4, nil, 3 * time.Second},
		{"hopeless", func(int) error { return Permanent(boom) }, 1, boom, 0},
		{"never in time", func(int) error { return boom }, 10, context.DeadlineExceeded, 9500 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
				defer cancel()
				began, calls := time.Now(), 0
				err := Poll(ctx, time.Second, func(context.Context) error { calls++; return tc.f(calls) })
				if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
					t.Errorf("got %v", err)
				}
				if errors.Is(tc.want, context.DeadlineExceeded) && !errors.Is(err, boom) {
					t.Errorf("the last reason is missing: %v", err)
				}
				if took := time.Since(began); calls != tc.calls || took != tc.took {
					t.Errorf("%d calls in %s", calls, took)
				}
			})
		})
	}
}

func TestProbe(t *testing.T) {
	healthy := true
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	connectOnly := strings.Replace(plain.URL, "http", "tcp", 1)
	probe := func(target string) error { return Probe(t.Context(), "", target) }
	for _, target := range []string{plain.URL, secure.URL, connectOnly} {
		if err := probe(target); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	healthy = false
	for _, target := range []string{plain.URL, secure.URL} {
		if err := probe(target); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("%s is not healthy: %v", target, err)
		}
	}
	for _, target := range []string{"tcp://127.0.0.1:1", "http://127.0.0.1:1", "unix:///nowhere", "ftp://127.0.0.1"} {
		if probe(target) == nil {
			t.Errorf("%s answers", target)
		}
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	l := testLab(t)
	unlock, err := l.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	again, err := l.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestRemove(t *testing.T) {
	l := testLab(t)
	if err := l.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{l.Dirs.Run: false, l.Dirs.State: false, l.Dirs.Cache: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s exists: %v", dir, err == nil)
		}
	}
}

func TestRunTellsWhatTheCommandSaid(t *testing.T) {
	_, err := Run(t.Context(), "sh", "-c", "echo first; echo disk is full >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("got %v", err)
	}
	if out, err := Run(t.Context(), "echo", "fine"); err != nil || out != "fine\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
