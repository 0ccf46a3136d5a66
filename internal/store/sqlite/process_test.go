package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/storetest"
)

// childEnv makes the test binary play another process of rehome.
const childEnv = "SQLITE_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := play(role, os.Args[1]); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is what the child does with the journal at path.
func play(role, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if role == "nobody" {
		return playNobody(ctx, path)
	}
	s, err := Open(ctx, path, time.Now)
	if err != nil {
		return err
	}
	if role == "writer" {
		return playWriter(ctx, s)
	}
	return playDriver(ctx, s)
}

// playDriver does what the lines on its input say, and answers each with one.
func playDriver(ctx context.Context, s *Store) error {
	var fence uint64
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		verb, arg, _ := strings.Cut(in.Text(), " ")
		var err error
		switch verb {
		case "acquire":
			fence, err = s.Acquire(ctx, key, arg, time.Minute)
		case "act", "say":
			var recs []migration.Record
			if recs, err = s.Read(ctx, key, 0); err != nil {
				return err
			}
			prev := journal.HeadOf(recs[len(recs)-1])
			r := storetest.Seal(key, prev, migration.RecordKind(arg), fence, `{}`)
			_, err = s.Append(ctx, key, prev, r)
		}
		var held *engine.HeldError
		switch {
		case err == nil:
			fmt.Println("ok", fence)
		case errors.As(err, &held):
			fmt.Println("held", held.Holder)
		case errors.Is(err, engine.ErrFenced):
			fmt.Println("fenced")
		default:
			return err
		}
	}
	return s.Close()
}

// playWriter appends without end, and says of every record that it was kept.
func playWriter(ctx context.Context, s *Store) error {
	recs, err := s.Read(ctx, key, 0)
	if err != nil {
		return err
	}
	prev := journal.HeadOf(recs[len(recs)-1])
	for i := 0; ; i++ {
		batch := storetest.Notes(key, prev, 1+i%3, 100+i*2711%20000)
		if prev, err = s.Append(ctx, key, prev, batch...); err != nil {
			return err
		}
		fmt.Println(prev.Seq, prev.Digest)
	}
}

// child is another process that works on the same journal.
type child struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, role, path string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.CommandContext(t.Context(), exe, path)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+role)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.in.Close(); c.cmd.Process.Kill(); c.cmd.Wait() })
	return c
}

// says ends the test unless the child answers a line so.
func (c *child) says(line, want string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
	got, err := c.out.ReadString('\n')
	if got = strings.TrimSpace(got); got != want {
		c.t.Fatalf("%s: the other process says %q (%v), want %q", line, got, err, want)
	}
}

func TestTwoProcesses(t *testing.T) {
	path, recs := written(t, 1, 0)
	first := start(t, "driver", path)
	first.says("acquire first", "ok 1")
	first.says("act intent", "ok 1")

	second := opened(t, path, time.Now)
	defer second.Close()
	_, err := second.Acquire(t.Context(), key, "second", time.Minute)
	var held *engine.HeldError
	if !errors.As(err, &held) || held.Holder != "first" || !strings.Contains(err.Error(), "first, until ") {
		t.Fatalf("the second takes the lease: %v, want it held by the first", err)
	}
	read, err := second.Read(t.Context(), key, 0)
	if err != nil || len(read) != 2 {
		t.Fatalf("the second reads %d records, %v", len(read), err)
	}
	same(t, read[:1], recs)
	head := journal.HeadOf(read[1])
	if _, err := second.Append(t.Context(), key, head, storetest.Seal(key, head, migration.KindOutcome, 2, `{}`)); !errors.Is(err, engine.ErrFenced) {
		t.Fatalf("the second acts without the lease: %v, want ErrFenced", err)
	}
	head, err = second.Append(t.Context(), key, head, storetest.Seal(key, head, migration.KindRollback, 0, `{"text":"stop"}`))
	if err != nil {
		t.Fatalf("what a person says in the second: %v", err)
	}
	first.says("act outcome", "fenced")
	first.says("say approved", "ok 1")

	fence, err := second.Acquire(t.Context(), key, "second", time.Minute)
	if err != nil || fence <= 2 {
		t.Fatalf("after the rollback the second takes the lease: %d, %v", fence, err)
	}
	first.says("acquire first", "held second")
	if read, err = second.Read(t.Context(), key, head.Seq); err != nil || len(read) != 1 {
		t.Fatalf("behind the rollback: %d records, %v; want what was said", len(read), err)
	}
	head = journal.HeadOf(read[0])
	if _, err := second.Append(t.Context(), key, head, storetest.Seal(key, head, migration.KindMoved, fence, `{}`)); err != nil {
		t.Errorf("the second acts: %v", err)
	}
}

// TestKilledInMidWrite kills a writing process again and again. Every record
// that it was told is kept is there, the chain holds, and the next one can go on.
func TestKilledInMidWrite(t *testing.T) {
	path, recs := written(t, 1, 0)
	rng := rand.New(rand.NewPCG(7, 11))
	acked := map[uint64]string{1: recs[0].Digest}
	for round := range 8 {
		c := start(t, "writer", path)
		last := uint64(0)
		ack := func() bool {
			var digest string
			line, err := c.out.ReadString('\n')
			if n, _ := fmt.Sscan(line, &last, &digest); err != nil || n != 2 {
				return false
			}
			acked[last] = digest
			return true
		}
		for range 1 + rng.IntN(10) {
			if !ack() {
				t.Fatalf("round %d: the writer has ended by itself", round)
			}
		}
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond) // anywhere in an append
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for ack() { // what it still said before it died
		}
		c.cmd.Wait()

		s := opened(t, path, time.Now)
		got, err := s.Read(t.Context(), key, 0)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if uint64(len(got)) < last {
			t.Fatalf("round %d: %d records are left, %d were acknowledged", round, len(got), last)
		}
		for seq, digest := range acked {
			if got[seq-1].Digest != digest {
				t.Fatalf("round %d: record %d is not the one that was acknowledged", round, seq)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the journal is left %v, %v", left, err)
	}
}
