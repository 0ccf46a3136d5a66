package memory_test

import (
	"testing"

	"rehome.dev/rehome/internal/archive/archivetest"
	"rehome.dev/rehome/internal/archive/memory"
	"rehome.dev/rehome/internal/engine"
)

func TestConformance(t *testing.T) {
	archivetest.Run(t, func(*testing.T) (engine.Archive, func(string) ([]byte, error)) {
		a := &memory.Archive{}
		return a, a.ReadFile
	})
}
