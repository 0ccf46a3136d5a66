package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseUntil reads an end: a time with its zone, a date or minute in the zone of
// this process, or a duration from now, in which d is a day of 24 hours.
func (p *Program) parseUntil(text string) (time.Time, error) {
	end, err := p.readUntil(text)
	if err != nil {
		return end, err
	}
	if !end.After(p.now()) {
		return end, fmt.Errorf("%s is not in the future", text)
	}
	return end, nil
}

func (p *Program) readUntil(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, p.Zone); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return p.now().Add(time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return p.now().Add(d), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-12-09T02:00:00+01:00 nor a duration such as 24h or 30d", text)
}
