package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

type hinted struct{ error }

func (hinted) Hint() string { return "mend the kubeconfig" }

// TestWhatCannotBeSeenSaysWhatHelps keeps an adapter's advice beside its error
// on the way to whoever waits for the observation.
func TestWhatCannotBeSeenSaysWhatHelps(t *testing.T) {
	err := fmt.Errorf("observe: %w", hinted{errors.New("connection refused")})
	o := observed(0, time.Unix(1, 0), "cluster", err)
	if want := "observe: connection refused (mend the kubeconfig)"; o.Err != want {
		t.Errorf("Err = %q, want %q", o.Err, want)
	}
	if o = observed(0, time.Unix(1, 0), "cluster", errors.New("plain")); o.Err != "plain" {
		t.Errorf("Err = %q, want the plain error", o.Err)
	}
}
