//go:build lab

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"rehome.dev/rehome/lab/demo"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m, giveBack) }

// giveBack gives the records the TTL that the lab has. Between the tests they keep
// the one that a test begins with, or else a resolver would hold the longer one.
func giveBack() {
	if err := restore(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: give the lab back: %v\n", err)
	}
}

func restore() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	lab, err := part.New(part.NewProgress(os.Stderr, false))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := demo.NewWorld(ctx, lab, dir, io.Discard)
	if err != nil {
		return err
	}
	return w.Reset(ctx, labTTL)
}
