package drilltest

import (
	"strings"
	"testing"
)

// silent demands that no text holds what the application keeps to itself.
func silent(t *testing.T, w World, texts []string) {
	t.Helper()
	for _, c := range w.Canaries() {
		for _, text := range texts {
			if strings.Contains(text, c) {
				t.Errorf("a canary is told: %q", strings.ReplaceAll(text, c, "…"))
			}
		}
	}
}
