package part

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for _, tc := range []struct {
		name, line string
		want       procStat
		bad        bool
	}{
		{"plain", "12 (etcd) S" + rest, procStat{'S', 1, 4711}, false},
		{"command with spaces and parentheses", "12 (a) S 7 (b) Z" + rest, procStat{'Z', 1, 4711}, false},
		{"parent is no number", "12 (etcd) S x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20", procStat{}, true},
		{"cut short", "12 (etcd) S 1 2", procStat{}, true},
		{"no command", "12 etcd S" + rest, procStat{}, true},
		{"start time is no number", "12 (etcd) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 20", procStat{}, true},
		{"empty", "", procStat{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseStat(tc.line)
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (etcd) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21")
	f.Add(") ")
	f.Fuzz(func(t *testing.T, line string) {
		if stat, err := parseStat(line); err == nil && stat.state == 0 {
			t.Errorf("a state is missing in %q", line)
		}
	})
}

func TestIdentityIsOfOneProcessOnly(t *testing.T) {
	self, err := identify(os.Getpid())
	if err != nil || !self.alive() {
		t.Fatalf("this process is not alive: %+v, %v", self, err)
	}
	if (identity{self.PID, self.Started + 1}).alive() {
		t.Error("another process with the same pid passes for it")
	}
}

func TestZombieIsNotAlive(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := awaitEnd(ctx, id); err != nil {
		t.Error(err)
	}
}
