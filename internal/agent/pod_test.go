//go:build linux

package agent

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func inPodSays(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code, mine := inPod(t.Context(), args, &out, &errs)
	if !mine || code != want {
		t.Fatalf("%v: exit code %d (mine %v), wanted %d: %s", args, code, mine, want, errs.String())
	}
	return out.String()
}

// What answers, what refuses and what has no name are told apart, in order.
func TestDial(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	shut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut.Close()
	got := strings.Split(strings.TrimSpace(inPodSays(t, exitDone, "dial", open.Addr().String(), shut.Addr().String(), "nobody.invalid:80")), "\n")
	if len(got) != 4 || got[3] != podEnd {
		t.Fatalf("%q", got)
	}
	for i, want := range []string{open.Addr().String() + `","micros"`, "refused", "nobody.invalid:80"} {
		if !strings.Contains(got[i], want) {
			t.Errorf("line %d is %s, wanted %s", i, got[i], want)
		}
	}
	var left bytes.Buffer
	if err := sockets("/proc/net", &left); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	port := open.Addr().(*net.TCPAddr).Port
	for line := range strings.Lines(string(table)) { // 06 is TIME_WAIT
		if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "06" && strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", port)) {
			t.Errorf("the connection is left: %s", line)
		}
	}
	if strings.Contains(got[0], "err") || !strings.Contains(got[2], `"err"`) {
		t.Errorf("%q", got)
	}
}

func TestResolve(t *testing.T) {
	got := inPodSays(t, exitDone, "resolve", "localhost", "nobody.invalid")
	if !strings.Contains(got, `"localhost","addresses":["`) || !strings.Contains(got, `{"name":"nobody.invalid","addresses":null}`) || !strings.HasSuffix(got, podEnd+"\n") {
		t.Errorf("%s", got)
	}
}

// Tables as a kernel wrote them: a listener, a connection that it accepted, two that
// were dialled (one over IPv6, one that has just ended), and one to itself.
const (
	tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 1 1 0 100 0 0 10 0
   1: 0500000A:1F90 0900000A:C350 01 00000000:00000000 00:00000000 00000000 65532        0 2 1 0 100 0 0 10 0
   2: 0500000A:C351 4600000A:1538 06 00000000:00000000 00:00000000 00000000 65532        0 3 1 0 100 0 0 10 0
   3: 0100007F:C352 0100007F:18EB 01 00000000:00000000 00:00000000 00000000 65532        0 4 1 0 100 0 0 10 0
`
	tcp6Table = `  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000500000A:C353 0000000000000000FFFF00004700000A:18EB 01 0 0 0 0 0 0 0
   1: B80D0120000000000000000001000000:C354 B80D0120000000000000000002000000:1A0B 02 0 0 0 0 0 0 0
`
)

func TestSockets(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"tcp": tcpTable, "tcp6": tcp6Table} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := sockets(dir, &out); err != nil {
		t.Fatal(err)
	}
	const want = `{"remote":"10.0.0.9:50000","dialled":false}
{"remote":"10.0.0.70:5432","dialled":true}
{"remote":"10.0.0.71:6379","dialled":true}
{"remote":"[2001:db8::2]:6667","dialled":true}
end
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	if err := sockets(t.TempDir(), &out); err == nil {
		t.Error("without a table there are no connections, and no error")
	}
}

func TestWaitIsBounded(t *testing.T) {
	inPodSays(t, exitDone, "wait", "1ms")
	for _, bad := range []string{"for ever", "-1s", "2h"} {
		inPodSays(t, exitFailed, "wait", bad)
	}
}

func TestNoCommandOfAPod(t *testing.T) {
	for _, args := range [][]string{nil, {"wait"}, {"dial"}, {"resolve"}, {"sockets", "x"}, {"probe"}} {
		if _, mine := inPod(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}); mine {
			t.Errorf("%v is one", args)
		}
	}
}

func FuzzEndpoint(f *testing.F) {
	f.Add("0500000A:1F90")
	f.Add("B80D0120000000000000000001000000:C354")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := endpoint(text); err == nil && !a.Addr().IsValid() {
			t.Errorf("%q is %s", text, a)
		}
	})
}
