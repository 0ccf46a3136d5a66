package report

import (
	"encoding/json"
	"fmt"
	"time"
)

// Span is a duration; in JSON it is a number of seconds.
type Span time.Duration

// MarshalJSON writes seconds.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads seconds.
func (s *Span) UnmarshalJSON(b []byte) error {
	var sec float64
	if err := json.Unmarshal(b, &sec); err != nil {
		return err
	}
	*s = Span(sec * float64(time.Second))
	return nil
}

// String is the span as a person says it.
func (s Span) String() string {
	d := time.Duration(s)
	switch {
	case d < 0:
		return "–"
	case d == 0:
		return "0 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// stamp is a time for a person, with its zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// percent is a share in percent, with the digits that a tenth of a point needs.
func percent(share float64) string { return fmt.Sprintf("%.3f %%", 100*share) }
