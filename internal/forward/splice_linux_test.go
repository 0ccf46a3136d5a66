package forward

import (
	"io"
	"os"
	"testing"
)

func files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A connection that has nothing to say costs its two sockets, and no pipe.
func TestSilentConnectionsHoldNoPipes(t *testing.T) {
	const silent = 300
	r := start(t, nil, "tcp://"+serveTCP(t, named("a"))).ready(t)
	before := files(t)
	for range silent {
		c := dial(t, r.ports[0].address)
		io.CopyN(io.Discard, c, 2)
		io.WriteString(c, "x")
		io.CopyN(io.Discard, c, 1)
	}
	// Here are all four ends of each.
	if more := files(t) - before - 4*silent; more > 2*sparePipes+20 {
		t.Errorf("%d descriptors beside the sockets of %d connections", more, silent)
	}
}
