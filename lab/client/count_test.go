package client

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASecondIsWrittenWhenItsLastRequestHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		tally := newTally(&out)
		lines := func() int {
			if err := tally.flush(); err != nil {
				t.Fatal(err)
			}
			return strings.Count(out.String(), "\n")
		}
		first := tally.begin()
		tally.begin()(outcome{by: "vm"})
		time.Sleep(time.Second)
		tally.begin()(outcome{by: "kubernetes"})
		time.Sleep(time.Second)
		if got := lines(); got != 0 {
			t.Errorf("%d lines while a request of the first second is in flight", got)
		}
		first(outcome{cause: "timeout"})
		if got := lines(); got != 2 {
			t.Errorf("%d lines after it ended, want both seconds", got)
		}
		tally.begin()(outcome{by: "vm"})
		if got := lines(); got != 2 {
			t.Error("a second was written before it was over")
		}
		if err := tally.finish(); err != nil {
			t.Fatal(err)
		}
		want := `{"t":"2000-01-01T00:00:00Z","sent":2,"ok":1,"by":{"vm":1},"errors":{"timeout":1}}` + "\n" +
			`{"t":"2000-01-01T00:00:01Z","sent":1,"ok":1,"by":{"kubernetes":1}}` + "\n" +
			`{"t":"2000-01-01T00:00:02Z","sent":1,"ok":1,"by":{"vm":1}}` + "\n"
		if out.String() != want {
			t.Errorf("written\n%swant\n%s", out.String(), want)
		}
	})
}

func TestSumTakesTheSecondsFromToBefore(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(1000+n), 0) }
	var seconds []Second
	for n := range 5 {
		seconds = append(seconds, Second{T: at(n), Sent: 1 << n, Errors: map[string]int{"refused": n}})
	}
	for _, test := range []struct {
		from, to     time.Time
		sent, errors int
	}{
		{time.Time{}, time.Time{}, 31, 10},
		{at(1), time.Time{}, 30, 10},
		{at(1), at(3), 6, 3},
		{at(1).Add(time.Millisecond), at(3), 4, 2},
		{time.Time{}, at(1), 1, 0},
		{at(9), time.Time{}, 0, 0},
	} {
		if got := Sum(seconds, test.from, test.to); got.Sent != test.sent || got.Errors["refused"] != test.errors {
			t.Errorf("from %v to %v: %+v, want %d sent and %d errors", test.from, test.to, got, test.sent, test.errors)
		}
	}
}

func TestReadNamesABrokenLine(t *testing.T) {
	file := t.TempDir() + "/count.jsonl"
	write(t, file, `{"sent":1}`+"\nx\n")
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v, want one that names line 2", err)
	}
}
