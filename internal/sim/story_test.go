package sim

import (
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

// TestPlay sees that the story ends as it should: one incident with its
// analysis, the second attempt retired after the whole hold, no request lost,
// and the records where they belong.
func TestPlay(t *testing.T) {
	s, err := Play(t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.Engine.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode != migration.ModeRetired || st.Attempt != 2 {
		t.Errorf("ended as %s at attempt %d, want retired at attempt 2", st.Mode, st.Attempt)
	}
	if len(st.Incidents) != 1 || st.Incidents[0].RCA == nil || st.Incidents[0].Attempt != 1 {
		t.Errorf("incidents: %+v, want one of attempt 1 with its analysis", st.Incidents)
	}
	if held := st.Since.Sub(st.Switched.At); held < st.Policy.Hold {
		t.Errorf("retired %s after the switch, before the hold of %s", held, st.Policy.Hold)
	}
	c := s.World.Count()
	if c.Lost != 0 || c.By[migration.NewSide] == 0 || c.By[migration.OldSide] == 0 {
		t.Errorf("the clients saw %+v, want both sides and nothing lost", c)
	}
	name := st.Spec.Names[0]
	for _, server := range []string{"ns1", "ns2"} {
		set, ok := s.World.DNS.Served(server, name.Zone, name.View, name.Name, "A")
		if !ok || set.TTL != 3600 || set.Data[0] == st.Spec.OldEntry.Addresses[0] {
			t.Errorf("%s serves %v, want the new side with the old TTL", server, set)
		}
	}
}
