//go:build lab

package e2e

import (
	"time"

	"rehome.dev/rehome/lab/client"
)

// seconds are the load client's seconds from one time to another, once all of them
// are counted. A second counts when it began between them.
func (m *move) seconds(from, to time.Time) []client.Second {
	m.t.Helper()
	var out []client.Second
	m.eventually(30*time.Second, "the client has counted them", func() bool {
		all, err := client.Read(client.CountFile(m.lab, m.Branch))
		m.must(err)
		if len(all) == 0 || all[len(all)-1].T.Before(to) {
			return false
		}
		out = nil
		for _, s := range all {
			if !s.T.Before(from) && s.T.Before(to) {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

// sum adds seconds up.
func sum(seconds []client.Second) client.Second {
	return client.Sum(seconds, time.Time{}, time.Time{})
}

func lost(s client.Second) int { return s.Sent - s.OK }

// around shows each second in which a request failed or both sides answered.
func (m *move) around(what string, seconds []client.Second) {
	m.t.Helper()
	m.t.Logf("%s: %s", what, client.Summary(sum(seconds)))
	for _, s := range seconds {
		if lost(s) > 0 || len(s.By) > 1 {
			m.t.Logf("  %s  %s", s.T.Format(time.TimeOnly), client.Summary(s))
		}
	}
}

// lastFailing is the end of the last second in which a request failed.
func lastFailing(seconds []client.Second) (time.Time, bool) {
	var at time.Time
	for _, s := range seconds {
		if lost(s) > 0 {
			at = s.T.Add(time.Second)
		}
	}
	return at, !at.IsZero()
}
