package readiness

import (
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func TestGoodApplicationIsReady(t *testing.T) {
	t.Parallel()
	a := Judge(input(good()))
	for _, f := range a.Findings {
		if !f.Verdict.OK() && f.Code != migration.CodeEgress {
			t.Errorf("%s is %s: %s", f.Code, f.Verdict, f.Observed)
		}
		if f.Blocks {
			t.Errorf("%s blocks: %s", f.Code, f.Observed)
		}
	}
	if !a.Ready {
		t.Error("it is not ready")
	}
}
