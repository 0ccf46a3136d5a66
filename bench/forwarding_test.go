package main

import (
	"strings"
	"testing"
)

func TestTableOfRelays(t *testing.T) {
	got := forwardTable([]forwarded{
		{relay: relay{name: "none"}, bulk: 2e9, trips: 20000, dials: 4000},
		{relay: relay{name: "rehome forward", process: 1}, bulk: 1e9, trips: 10000, dials: 1000, standby: 2e6, each: 16500, count: 4000},
	})
	for _, want := range []string{
		"| none | 2000 MB/s (1.00) | 20000/s (1.00) | 4000/s (1.00) | – | – |\n",
		"| rehome forward | 1000 MB/s (0.50) | 10000/s (0.50) | 1000/s (0.25) | 2.0 MB | 16.5 kB of 4000 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not there: %s in\n%s", want, got)
		}
	}
}

// What the relays are measured with is there and back as it was sent.
func TestEcho(t *testing.T) {
	address, err := echoServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialEcho(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if err := trip(c); err != nil {
			t.Fatal(err)
		}
	}
}
