package prometheus_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets many worlds wait for their scrapes at once: that takes no processor.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
