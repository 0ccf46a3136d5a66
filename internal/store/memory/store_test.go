package memory_test

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/store/memory"
	"rehome.dev/rehome/internal/store/storetest"
)

func factory(_ testing.TB, now func() time.Time) func() storetest.Store {
	s := memory.New(now)
	return func() storetest.Store { return s }
}

func TestConformance(t *testing.T) { storetest.Run(t, factory) }

func BenchmarkAppend(b *testing.B) { storetest.BenchmarkAppend(b, factory) }
