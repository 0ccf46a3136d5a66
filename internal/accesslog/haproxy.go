package accesslog

import (
	"strings"
	"time"
)

// haproxy reads `option httplog`, with syslog's head or without:
//
//	client:port [time] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes … "request"
//
// Ta is the whole time in milliseconds, with a plus where it was still running.
// The time is when the request was accepted. See haproxy's configuration manual, 8.2.3.
func (p Parser) haproxy(line string) (Entry, bool) {
	open := strings.Index(line, " [")
	for open >= 0 && (open+4 >= len(line) || line[open+4] != '/') { // syslog's haproxy[123]: has no blank before it
		next := strings.Index(line[open+1:], " [")
		if next < 0 {
			return Entry{}, false
		}
		open += 1 + next
	}
	if open <= 0 {
		return Entry{}, false
	}
	client := line[strings.LastIndexByte(line[:open], ' ')+1 : open]
	port := strings.LastIndexByte(client, ':')
	end := strings.IndexByte(line[open:], ']')
	if port <= 0 || end < 0 {
		return Entry{}, false
	}
	e := Entry{Client: client[:port]}
	var ok bool
	if e.At, ok = clf(line[open+2:open+end], p.Zone); !ok {
		return Entry{}, false
	}
	_, rest := word(line[open+end+1:])
	e.Backend, rest = word(rest)
	timers, rest := word(rest)
	status, rest := word(rest)
	bytes, _ := word(rest)
	if !strings.Contains(e.Backend, "/") || strings.Count(timers, "/") != 4 {
		return Entry{}, false
	}
	if status != "-1" {
		if e.Status, ok = statusOf(status); !ok {
			return Entry{}, false
		}
	}
	if e.Bytes, ok = digits(strings.TrimPrefix(bytes, "+")); !ok {
		return Entry{}, false
	}
	total := strings.TrimPrefix(timers[strings.LastIndexByte(timers, '/')+1:], "+")
	if ms, ok := digits(total); ok && ms < int64(longest/time.Millisecond) {
		e.Latency, e.Timed = time.Duration(ms)*time.Millisecond, true
	}
	return e, true
}
