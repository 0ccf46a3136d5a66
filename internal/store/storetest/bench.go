package storetest

import (
	"testing"

	"rehome.dev/rehome/internal/journal"
	"rehome.dev/rehome/internal/migration"
)

// BenchmarkAppend measures the append of one record of an ordinary size behind
// a journal that grows.
func BenchmarkAppend(b *testing.B, factory Factory) {
	s := factory(b, NewClock().Now)()
	defer s.Close()
	first := Declare(key)
	if _, err := s.Append(b.Context(), key, migration.Head{}, first); err != nil {
		b.Fatal(err)
	}
	recs := Notes(key, journal.HeadOf(first), b.N, 400)
	prev := journal.HeadOf(first)
	b.ResetTimer()
	for _, r := range recs {
		var err error
		if prev, err = s.Append(b.Context(), key, prev, r); err != nil {
			b.Fatal(err)
		}
	}
}
