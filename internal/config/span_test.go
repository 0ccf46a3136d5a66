package config

import (
	"testing"
	"time"

	"rehome.dev/rehome/api/v1alpha1"
)

// A span without offsets is what the clocks of its zone show, in summer, in winter and
// across the night in between.
func TestSpansOfATimeZone(t *testing.T) {
	for _, tt := range []struct {
		span     v1alpha1.Span
		from, to string
	}{
		{v1alpha1.Span{From: "2026-08-14 22:00", To: "2026-08-15T02:00:00", TimeZone: "Europe/Berlin"}, "2026-08-14T20:00:00Z", "2026-08-15T00:00:00Z"},
		{v1alpha1.Span{From: "2026-12-24", To: "2027-01-02", TimeZone: "America/New_York"}, "2026-12-24T05:00:00Z", "2027-01-02T05:00:00Z"},
		{v1alpha1.Span{From: "2026-10-24 22:00", To: "2026-10-25 04:00", TimeZone: "Europe/Berlin"}, "2026-10-24T20:00:00Z", "2026-10-25T03:00:00Z"},
		{v1alpha1.Span{From: "2026-10-25T02:30:00+01:00", To: "2026-10-25 05:00", TimeZone: "Europe/Berlin"}, "2026-10-25T01:30:00Z", "2026-10-25T04:00:00Z"},
		{v1alpha1.Span{From: "2026-08-14T22:00:00+02:00", To: "2026-08-15T02:00:00+02:00"}, "2026-08-14T20:00:00Z", "2026-08-15T00:00:00Z"},
	} {
		s := newSource("span.yaml")
		for _, f := range []string{"w.from", "w.to"} {
			s.at[f] = s.nodeOf("")
		}
		if tt.span.TimeZone != "" {
			s.at["w.timeZone"] = s.nodeOf("")
		}
		from, to := s.between("w", tt.span)
		if len(s.errs) > 0 {
			t.Errorf("%+v: %v", tt.span, s.errs)
		}
		if got := from.UTC().Format(time.RFC3339); got != tt.from {
			t.Errorf("%+v: from %s, want %s", tt.span, got, tt.from)
		}
		if got := to.UTC().Format(time.RFC3339); got != tt.to {
			t.Errorf("%+v: to %s, want %s", tt.span, got, tt.to)
		}
	}
}
