package accesslog_test

import (
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/accesslog"
)

var (
	berlin = time.FixedZone("CET", 3600)
	ten    = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
)

func entry(status int, bytes int64, client string) accesslog.Entry {
	return accesslog.Entry{At: ten, Status: status, Bytes: bytes, Client: client}
}

func took(e accesslog.Entry, d time.Duration) accesslog.Entry {
	e.Timed, e.Latency = true, d
	return e
}

func behind(e accesslog.Entry, backend string) accesslog.Entry {
	e.Backend = backend
	return e
}

func TestLines(t *testing.T) {
	plain, apache, tomcat := accesslog.Parser{Format: accesslog.Common}, accesslog.Parser{Format: accesslog.Combined, Unit: time.Microsecond},
		accesslog.Parser{Format: accesslog.Tomcat, Unit: time.Millisecond}
	json, haproxy := accesslog.Parser{Format: accesslog.JSON}, accesslog.Parser{Format: accesslog.HAProxy, Zone: berlin}
	for name, c := range map[string]struct {
		p    accesslog.Parser
		line string
		want accesslog.Entry
	}{
		"common":                         {plain, `192.0.2.1 - frank [01/Mar/2026:10:00:00 +0000] "GET /a HTTP/1.0" 200 2326`, entry(200, 2326, "192.0.2.1")},
		"no bytes, another zone, IPv6":   {plain, `2001:db8::1 - - [01/Mar/2026:05:30:00 -0430] "HEAD / HTTP/1.1" 304 -`, entry(304, 0, "2001:db8::1")},
		"a request that was none":        {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "-" 408 0`, entry(408, 0, "192.0.2.1")},
		"a quote in the request, Apache": {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET /\" 500 1 HTTP/1.1" 200 5`, entry(200, 5, "192.0.2.1")},
		"the user is called like a time": {plain, `192.0.2.1 - a[b [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`, entry(200, 5, "192.0.2.1")},
		"virtual host in front":          {plain, `shop:443 192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"`, entry(200, 5, "192.0.2.1")},
		"combined, nginx's request_time": {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 157 "http://a/?q=1 200" "Mozilla/5.0 (X11) 7" 0.125`,
			took(entry(502, 157, "192.0.2.1"), 125*time.Millisecond)},
		"quoted forwarded-for between": {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "x" "10.0.0.1, 10.0.0.2" rt=1.500 uct="0.000" urt="0.009"`,
			took(entry(200, 1, "192.0.2.1"), 1500*time.Millisecond)},
		"Apache's %D":                         {apache, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "x" 1234`, took(entry(200, 1, "192.0.2.1"), 1234*time.Microsecond)},
		"a number of which nobody knows what": {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "x" 1234`, entry(200, 1, "192.0.2.1")},
		"such a number, and one behind it":    {plain, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 77 0.5`, entry(200, 1, "192.0.2.1")},
		"Tomcat's %D":                         {tomcat, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "POST /x HTTP/1.1" 500 12 43`, took(entry(500, 12, "192.0.2.1"), 43*time.Millisecond)},
		"Tomcat's %T with a decimal point":    {tomcat, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "POST /x HTTP/1.1" 200 12 0.043`, took(entry(200, 12, "192.0.2.1"), 43*time.Millisecond)},
		"a line of Windows":                   {plain, "192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5\r\n", entry(200, 5, "192.0.2.1")},
		"haproxy behind syslog, the zone told": {haproxy, `Mar  1 11:00:00 lb haproxy[14389]: 192.0.2.1:33317 [01/Mar/2026:11:00:00.000] http-in vm/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {a} {} "GET /i HTTP/1.1"`,
			behind(took(entry(200, 2750, "192.0.2.1"), 109*time.Millisecond), "vm/srv1")},
		"haproxy, the client gone": {haproxy, `192.0.2.1:33317 [01/Mar/2026:11:00:00.000] in~ vm/<NOSRV> -1/-1/-1/-1/5000 -1 0 - - CR-- 1/1/1/1/0 0/0 "<BADREQ>"`,
			behind(took(entry(0, 0, "192.0.2.1"), 5*time.Second), "vm/<NOSRV>")},
		"JSON as people let nginx write it": {json, `{"time_iso8601":"2026-03-01T11:00:00+01:00","remote_addr":"192.0.2.1","request":"GET /?a=\"b\" HTTP/1.1","status":"503","body_bytes_sent":"7","request_time":"0.250"}`,
			took(entry(503, 7, "192.0.2.1"), 250*time.Millisecond)},
		"Caddy": {json, `{"level":"info","ts":1772359200.000,"request":{"remote_ip":"192.0.2.1","method":"GET","headers":{"A":["b","c"]}},"duration":0.002,"size":3,"status":200}`,
			took(entry(200, 3, "192.0.2.1"), 2*time.Millisecond)},
		"Envoy":         {json, `{"start_time":"2026-03-01T10:00:00.000Z","response_code":200,"duration":17,"bytes_sent":9,"upstream_cluster":"outbound|80"}`, behind(took(entry(200, 9, ""), 17*time.Millisecond), "outbound|80")},
		"Traefik":       {json, `{"ClientHost":"192.0.2.1","DownstreamContentSize":4,"DownstreamStatus":404,"Duration":1500000,"StartUTC":"2026-03-01T10:00:00Z"}`, took(entry(404, 4, "192.0.2.1"), 1500*time.Microsecond)},
		"unit in names": {json, `{"@timestamp":"2026-03-01T10:00:00Z","status":200,"elapsed_ms":12.5,"duration":9}`, took(entry(200, 0, ""), 12500*time.Microsecond)},
		"Go's duration": {json, `{"time":1772359200000,"status":200,"latency":"1.5ms"}`, took(entry(200, 0, ""), 1500*time.Microsecond)},
		"no unit":       {json, `{"time":"2026-03-01T10:00:00Z","status":200,"duration":12}`, entry(200, 0, "")},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := c.p.Parse(c.line); !ok || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
}

func TestWhatIsNoLine(t *testing.T) {
	common := `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`
	for f, lines := range map[accesslog.Format][]string{
		accesslog.Common: {
			"", "hello", "[", " [", common[:40], `2026/03/01 10:00:00 [error] 7#7: *1 connect() failed`,
			strings.Replace(common, "Mar", "Mrz", 1), strings.Replace(common, "01/", "99/", 1), strings.Replace(common, "200", "2x0", 1), strings.Replace(common, " 200", " 99", 1),
			strings.Replace(common, "HTTP/1.1\"", "", 1), strings.Replace(common, "+0000", "+00", 1), strings.Replace(common, " 5", " many", 1), "- [01/Mar/2026:10:00:00 +0000] \"\" 200 5",
			common + strings.Repeat("x", 1<<16),
		},
		accesslog.HAProxy: {
			"", "a [", common, `192.0.2.1:33317 [01/Mar/2026:11:00:00.000] tcp-in vm/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0`,
			`192.0.2.1:33317 [01/Mar/2026:11:00:00.000] http-in nobackend 10/0/30/69/109 200 2750 - -`,
		},
		accesslog.JSON: {
			"", "{", "{}", "[]", `{"status":200}`, `{"time":"2026-03-01T10:00:00Z"}`, `{"status":200,"time":"yesterday"}`, `{"status":200,"time":1772359200`,
			`{"status":200,"time":1772359200} {}`, `{"status":200 "time":1772359200}`, `{"a":[1,2,"status":200}`, strings.Repeat(`{"a":`, 100000),
			`{"status":true,"time":1772359200}`, `{"time":1772359200,"a":{"b":[{}]`,
		},
	} {
		for _, l := range lines {
			if e, ok := (accesslog.Parser{Format: f, Unit: time.Second}).Parse(l); ok {
				t.Errorf("%s: %.80q is %+v", f, l, e)
			}
		}
	}
}

func TestDetect(t *testing.T) {
	common := `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET /\"x\" HTTP/1.1" 200 5`
	for name, c := range map[string]struct {
		lines []string
		hint  string
		want  accesslog.Parser
		ok    bool
	}{
		"common":             {[]string{common, common, "rubbish"}, "", accesslog.Parser{Format: accesslog.Common}, true},
		"combined":           {[]string{common + ` "-" "x"`, common + ` "-" "x" 0.1`}, "nginx", accesslog.Parser{Format: accesslog.Combined}, true},
		"Apache":             {[]string{common + ` "-" "x" 17`}, "apache", accesslog.Parser{Format: accesslog.Combined, Unit: time.Microsecond}, true},
		"Tomcat":             {[]string{common + ` 17`}, "tomcat", accesslog.Parser{Format: accesslog.Tomcat, Unit: time.Millisecond}, true},
		"JSON":               {[]string{`{"time":1772359200,"status":200}`}, "", accesslog.Parser{Format: accesslog.JSON}, true},
		"mostly another log": {[]string{common, "a", "b", "c"}, "", accesslog.Parser{}, false},
		"nothing":            {nil, "tomcat", accesslog.Parser{}, false},
	} {
		if got, ok := accesslog.Detect(c.lines, c.hint, nil); ok != c.ok || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, ok, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 157 "-" "x" 0.125`)
	f.Add(`192.0.2.1:33317 [01/Mar/2026:11:00:00.000] http-in vm/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {a} {} "GET /i HTTP/1.1"`)
	f.Add(`{"time":1772359200.5,"status":"200","a":{"latency":"1.5ms"},"b":[1,{"x":null}]}`)
	f.Fuzz(func(t *testing.T, line string) {
		for _, format := range []accesslog.Format{accesslog.Common, accesslog.HAProxy, accesslog.JSON} {
			p := accesslog.Parser{Format: format, Unit: time.Millisecond}
			e, ok := p.Parse(line)
			if !ok && e != (accesslog.Entry{}) {
				t.Errorf("refused, and yet %+v", e)
			}
			if e.Latency < 0 || e.Latency > 8*24*time.Hour || !e.Timed && e.Latency != 0 || e.Bytes < 0 || e.Status < 0 || e.Status > 999 {
				t.Errorf("%+v", e)
			}
		}
		accesslog.Detect([]string{line}, "apache", nil)
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		p    accesslog.Parser
		line string
	}{
		{accesslog.Parser{Format: accesslog.Combined}, `192.0.2.1 - - [01/Mar/2026:10:00:00 +0000] "GET /accounts/17/balance?currency=EUR HTTP/1.1" 200 1577 "https://www.example.org/accounts" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" 0.125`},
		{accesslog.Parser{Format: accesslog.HAProxy}, `Mar  1 11:00:00 lb haproxy[14389]: 192.0.2.1:33317 [01/Mar/2026:11:00:00.000] http-in vm/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {a} {} "GET /i HTTP/1.1"`},
		{accesslog.Parser{Format: accesslog.JSON}, `{"time_iso8601":"2026-03-01T11:00:00+01:00","remote_addr":"192.0.2.1","request":"GET /accounts/17/balance HTTP/1.1","status":"200","body_bytes_sent":"715","request_time":"0.250","http_user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"}`},
	} {
		b.Run(string(c.p.Format), func(b *testing.B) {
			b.SetBytes(int64(len(c.line)))
			for b.Loop() {
				if _, ok := c.p.Parse(c.line); !ok {
					b.Fatal("no line")
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
