package accesslog

import (
	"strings"
	"time"
)

// object reads one JSON object. It takes a key wherever it stands, nested objects
// included, by its last part; the first that fits counts. A line without a status
// or a time is none of an access log.
func (p Parser) object(line string) (Entry, bool) {
	var o object
	line = strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(line, "{") {
		return Entry{}, false
	}
	s := scanner{text: line, each: o.take}
	if !s.object(0) || !o.hasStatus || !o.hasAt {
		return Entry{}, false
	}
	o.settle(p)
	return o.Entry, true
}

// object is what the keys seen so far say.
type object struct {
	Entry
	hasStatus, hasAt bool
	took             string // a number whose unit depends on the other keys
	tookKey          string
	traefik, envoy   bool
}

// take looks at one value; text is without quotes, inString says whether it had them.
func (o *object) take(key, text string, inString bool) {
	switch strings.ToLower(key) {
	case "status", "status_code", "statuscode", "http_status", "code", "downstreamstatus", "response_code", "responsecode":
		if status, ok := statusOf(text); ok && !o.hasStatus {
			o.Status, o.hasStatus = status, true
		}
		o.envoy = o.envoy || key == "response_code"
		o.traefik = o.traefik || key == "DownstreamStatus"
	case "time", "@timestamp", "timestamp", "ts", "time_local", "time_iso8601", "start_time", "starttime", "startutc", "datetime", "date", "msec":
		if at, ok := moment(text, inString); ok && !o.hasAt {
			o.At, o.hasAt = at, true
		}
	case "remote_addr", "client", "client_ip", "clientip", "remote_ip", "remoteaddr", "clienthost", "remote_host", "ip":
		if o.Client == "" {
			o.Client = text
		}
	case "bytes", "body_bytes_sent", "bytes_sent", "size", "downstreamcontentsize", "response_size":
		if n, ok := digits(text); ok && o.Bytes == 0 {
			o.Bytes = n
		}
	case "backend", "upstream", "upstream_addr", "upstream_cluster", "servicename", "service_name", "proxy_host":
		if o.Backend == "" {
			o.Backend = text
		}
	default:
		o.takeTime(key, text)
	}
}

// takeTime looks for a time taken. Where the unit is in the name it is decided at once.
func (o *object) takeTime(key, text string) {
	if o.Timed {
		return
	}
	low := strings.ToLower(key)
	for _, u := range []struct {
		end  string
		unit time.Duration
	}{
		{"_ms", time.Millisecond}, {"_millis", time.Millisecond}, {"_msec", time.Millisecond}, {"_us", time.Microsecond},
		{"_micros", time.Microsecond}, {"_ns", time.Nanosecond}, {"_nanos", time.Nanosecond}, {"_s", time.Second}, {"_seconds", time.Second}, {"_sec", time.Second},
	} {
		if name, found := strings.CutSuffix(low, u.end); found && timeKey(name) {
			o.Latency, o.Timed = amount(text, u.unit)
			return
		}
	}
	if name, found := strings.CutSuffix(key, "Ms"); found && timeKey(strings.ToLower(name)) || key == "responseTime" {
		o.Latency, o.Timed = amount(text, time.Millisecond)
		return
	}
	if timeKey(low) && o.took == "" {
		o.took, o.tookKey = text, key
	}
}

func timeKey(low string) bool {
	switch low {
	case "request_time", "requesttime", "duration", "latency", "elapsed", "elapsed_time", "response_time", "responsetime", "took", "time_taken", "request_duration":
		return true
	}
	return false
}

// settle decides on a time without a unit: a Go duration speaks for itself,
// Traefik's are nanoseconds, Envoy's milliseconds, one with a decimal point
// seconds. The unit of any other whole number must be known, see Parser.Unit.
func (o *object) settle(p Parser) {
	if o.Timed || o.took == "" {
		return
	}
	_, whole := digits(o.took)
	switch {
	case o.traefik && whole:
		o.Latency, o.Timed = amount(o.took, time.Nanosecond)
	case o.envoy && whole:
		o.Latency, o.Timed = amount(o.took, time.Millisecond)
	default:
		if o.Latency, o.Timed = p.number(o.took); !o.Timed {
			d, err := time.ParseDuration(o.took)
			o.Latency, o.Timed = d, err == nil && !whole && d >= 0 && d < longest
		}
	}
	if !o.Timed {
		o.Latency = 0
	}
}

// amount reads a number of units, with a decimal point or without.
func amount(text string, unit time.Duration) (time.Duration, bool) {
	if d, ok := (Parser{Unit: unit}).number(text); ok && !strings.Contains(text, ".") {
		return d, true
	}
	seconds, ok := (Parser{}).number(text)
	return time.Duration(float64(seconds) * (float64(unit) / float64(time.Second))), ok
}

// moment reads RFC 3339, the common log's time, or seconds, milliseconds,
// microseconds or nanoseconds since 1970: by its size there is no doubt.
func moment(text string, inString bool) (time.Time, bool) {
	if inString {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.UTC(), true
			}
		}
		if at, ok := clf(strings.Trim(text, "[]"), nil); ok {
			return at, true
		}
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, ok := digits(whole)
	if !ok || len(whole) < 9 {
		return time.Time{}, false
	}
	if len(whole) == 10 && fraction != "" {
		part, ok := (Parser{}).number("0." + fraction)
		return time.Unix(n, int64(part)).UTC(), ok
	}
	switch {
	case n < 1e11:
		return time.Unix(n, 0).UTC(), true
	case n < 1e14:
		return time.UnixMilli(n).UTC(), true
	case n < 1e17:
		return time.UnixMicro(n).UTC(), true
	}
	return time.Unix(0, n).UTC(), true
}
