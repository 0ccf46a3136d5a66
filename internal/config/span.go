package config

import (
	"fmt"
	"time"
	_ "time/tzdata" // windows hold where a machine has no time zones of its own

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// between reads a span of time. Its ends have an offset each, or both are what the
// clocks of timeZone show, a name of the IANA time zone database (RFC 6557). A
// moment that those clocks never show, or show twice, is a mistake: nobody can know
// which one was meant.
func (s *source) between(field string, w v1alpha1.Span) (from, to time.Time) {
	var loc *time.Location
	if zone := field + ".timeZone"; s.said(zone) {
		var err error
		if loc, err = time.LoadLocation(w.TimeZone); err != nil || w.TimeZone == "Local" || w.TimeZone == "" {
			s.problem(zone, "there is no time zone "+quoted(w.TimeZone), "write its name as timedatectl list-timezones shows it: Europe/Berlin")
			return from, to
		}
	}
	from, ok := s.moment(field+".from", w.From, loc)
	to, also := s.moment(field+".to", w.To, loc)
	if ok && also && !from.Before(to) {
		s.problem(field+".to", "is not after from", "a span of time ends after it begins")
	}
	return from, to
}

func (s *source) freezes(ws []v1alpha1.Freeze) []migration.Freeze {
	var out []migration.Freeze
	for i, w := range ws {
		field := fmt.Sprintf("spec.freezes[%d]", i)
		s.unique(field+".except", w.Except, "")
		f := migration.Freeze{Name: w.Name, Except: w.Except}
		f.From, f.To = s.between(field+".during", w.During)
		out = append(out, f)
	}
	return out
}

func (s *source) moment(field, text string, loc *time.Location) (time.Time, bool) {
	if !s.said(field) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return t, true
	}
	for _, layout := range zoneless {
		wall, err := time.Parse(layout, text)
		switch {
		case err != nil:
			continue
		case loc == nil:
			s.problem(field, "is "+quoted(text)+", which has no time zone", zoneHint+"; or add timeZone: Europe/Berlin beside it")
			return time.Time{}, false
		}
		return s.shown(field, wall, loc)
	}
	s.problem(field, "is "+quoted(text)+", not a time", zoneHint)
	return time.Time{}, false
}

// shown is the moment at which clocks of a zone show wall, a time in UTC.
func (s *source) shown(field string, wall time.Time, loc *time.Location) (time.Time, bool) {
	const most, step = 3 * time.Hour, 15 * time.Minute // no zone ever turned its clocks further, or by less
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, loc)
	var at []time.Time
	for d := -most; d <= most; d += step {
		if t := near.Add(d); t.Format(time.DateTime) == wall.Format(time.DateTime) {
			at = append(at, t)
		}
	}
	text := quoted(wall.Format("2006-01-02 15:04"))
	switch len(at) {
	case 0:
		s.problem(field, fmt.Sprintf("is %s, which no clock in %s shows: there they are put forward", text, loc), "give another time")
		return time.Time{}, false
	case 1:
		return at[0], true
	}
	s.problem(field, fmt.Sprintf("is %s, which clocks in %s show twice: there they are put back", text, loc),
		fmt.Sprintf("say which one: %s or %s", at[0].Format(time.RFC3339), at[1].Format(time.RFC3339)))
	return time.Time{}, false
}
