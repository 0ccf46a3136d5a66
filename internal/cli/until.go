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
	end, length, err := p.timeOrSpan(text)
	if err != nil {
		return end, err
	}
	if end.IsZero() {
		end = p.now().Add(length)
	}
	if !end.After(p.now()) {
		return end, fmt.Errorf("%s is not in the future", text)
	}
	return end, nil
}

// parseSince reads a beginning: a time as parseUntil reads it, or a duration before
// the end.
func (p *Program) parseSince(text string, end time.Time) (time.Time, error) {
	at, length, err := p.timeOrSpan(text)
	if err == nil && at.IsZero() {
		at = end.Add(-length)
	}
	if err == nil && !at.Before(end) {
		err = fmt.Errorf("%s is not before %s", text, p.stamp(end))
	}
	return at, err
}

// timeOrSpan reads a time, or else a duration.
func (p *Program) timeOrSpan(text string) (time.Time, time.Duration, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, 0, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, p.Zone); err == nil {
			return t, 0, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Time{}, time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return time.Time{}, d, nil
	}
	return time.Time{}, 0, fmt.Errorf("%q is neither a time such as 2026-12-09T02:00:00+01:00 nor a duration such as 24h or 30d", text)
}
