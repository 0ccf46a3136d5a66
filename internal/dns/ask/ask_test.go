package ask_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns/ask"
	"rehome.dev/rehome/internal/migration"
)

var client = ask.Client{Timeout: 3 * time.Second}

func observe(t *testing.T, c ask.Client, at ...netip.AddrPort) []migration.ServerFacts {
	t.Helper()
	var servers []ask.Server
	for _, a := range at {
		servers = append(servers, ask.Server{Name: "ns", Address: a})
	}
	facts, err := c.Observe(t.Context(), servers, zone, "", []string{service})
	if err != nil {
		t.Fatal(err)
	}
	return facts.Servers
}

func text(f migration.ServerFacts) string {
	var sets []string
	for _, s := range f.Sets {
		sets = append(sets, s.String())
	}
	return fmt.Sprintf("%d %s%s", f.Serial, strings.Join(sets, "; "), f.Err)
}

func TestAnswersThatAreCutAreAskedForOverTCP(t *testing.T) {
	whole := zoneOf("7", service+" 60 IN A 10.0.0.1", service+" 60 IN A 10.0.0.2")
	s, at := serve(t, func(network string, q miekg.Question, reply *miekg.Msg) bool {
		whole(network, q, reply)
		if network == "udp" && len(reply.Answer) == 2 {
			reply.Truncated, reply.Answer = true, reply.Answer[:1]
		}
		return true
	})
	if got := text(observe(t, client, at)[0]); got != "7 "+service+" 60 A 10.0.0.1 10.0.0.2" {
		t.Errorf("got %s", got)
	}
	if asked := s.questions(); !slices.Contains(asked, "tcp A "+service) || slices.Contains(asked, "tcp SOA "+zone) {
		t.Errorf("asked %q", asked)
	}
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	whole := zoneOf("7", service+" 60 IN A 10.0.0.1")
	lost := 0
	s, at := serve(t, func(network string, q miekg.Question, reply *miekg.Msg) bool {
		if q.Qtype == miekg.TypeA && lost < 2 {
			lost++
			return false
		}
		return whole(network, q, reply)
	})
	if got := text(observe(t, client, at)[0]); got != "7 "+service+" 60 A 10.0.0.1" {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(strings.Join(s.questions(), ","), "udp A "+service); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestAnswersThatDoNotCount(t *testing.T) {
	whole := zoneOf("7", service+" 60 IN A 10.0.0.1")
	for _, c := range []struct {
		name  string
		spoil func(*miekg.Msg)
		says  string
	}{
		{"no authority", func(m *miekg.Msg) { m.Authoritative = false }, "without authority"},
		{"refused", func(m *miekg.Msg) { m.Rcode = miekg.RcodeRefused }, "REFUSED"},
		{"failed", func(m *miekg.Msg) { m.Rcode = miekg.RcodeServerFailure }, "SERVFAIL"},
		{"format", func(m *miekg.Msg) { m.Rcode = miekg.RcodeFormatError }, "FORMERR"},
		{"other question", func(m *miekg.Msg) { m.Question[0].Name = "x." + zone }, "another question"},
		{"no zone", func(m *miekg.Msg) { m.Answer = nil }, "no SOA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, at := serve(t, func(network string, q miekg.Question, reply *miekg.Msg) bool {
				whole(network, q, reply)
				c.spoil(reply)
				return true
			})
			f := observe(t, client, at)[0]
			if !strings.Contains(f.Err, c.says) || f.Sets != nil || f.Serial != 0 {
				t.Errorf("got %+v, want an error with %q", f, c.says)
			}
		})
	}
}

func TestRecordsOfOtherNamesAreLeftOut(t *testing.T) {
	_, at := serve(t, func(_ string, q miekg.Question, reply *miekg.Msg) bool {
		switch q.Qtype {
		case miekg.TypeSOA:
			return zoneOf("7")("", q, reply)
		default: // as a server answers at an alias, whatever the type
			reply.Answer = []miekg.RR{record(service + " 60 IN CNAME x." + zone), record("x." + zone + " 60 IN A 10.0.0.1")}
		}
		return true
	})
	if got := text(observe(t, client, at)[0]); got != "7 "+service+" 60 CNAME x."+zone {
		t.Errorf("got %s", got)
	}
}

// A server that works off a change in the middle of the questions.
func TestHalfAChangeIsNeverSeen(t *testing.T) {
	old := zoneOf("7", service+" 60 IN A 10.0.0.1", service+" 60 IN AAAA 2001:db8::1")
	next := zoneOf("8", service+" 60 IN A 10.0.0.2", service+" 60 IN AAAA 2001:db8::2")
	n := 0
	_, at := serve(t, func(network string, q miekg.Question, reply *miekg.Msg) bool {
		if n++; n <= 3 { // the SOA and two of the six questions
			return old(network, q, reply)
		}
		return next(network, q, reply)
	})
	if got := text(observe(t, client, at)[0]); got != "8 "+service+" 60 A 10.0.0.2; "+service+" 60 AAAA 2001:db8::2" {
		t.Errorf("got %s", got)
	}
}

func TestAZoneThatAlwaysChanges(t *testing.T) {
	changing := func(ours bool) func(string, miekg.Question, *miekg.Msg) bool {
		serial := 0
		return func(network string, q miekg.Question, reply *miekg.Msg) bool {
			serial++
			address := "10.0.0.1"
			if ours {
				address = "10.0.0." + strconv.Itoa(serial%250+1)
			}
			return zoneOf(strconv.Itoa(serial), service+" 60 IN A "+address)(network, q, reply)
		}
	}
	_, at := serve(t, changing(false))
	if f := observe(t, client, at)[0]; f.Err != "" || len(f.Sets) != 1 {
		t.Errorf("where other names change all the time: %+v", f)
	}
	_, at = serve(t, changing(true))
	if f := observe(t, client, at)[0]; !strings.Contains(f.Err, "changed each") {
		t.Errorf("where the name itself changes all the time: %+v", f)
	}
}

func TestOneSilentServerCostsNoMoreThanTheTimeout(t *testing.T) {
	_, silent := serve(t, func(string, miekg.Question, *miekg.Msg) bool { return false })
	_, good := serve(t, zoneOf("7", service+" 60 IN A 10.0.0.1"))
	began := time.Now()
	got := observe(t, ask.Client{Timeout: 300 * time.Millisecond}, silent, good, silent)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	if !strings.Contains(got[0].Err, "no answer in time") || got[1].Err != "" || got[2].Err == "" {
		t.Errorf("got %+v", got)
	}
}

func TestACancelledContextEndsTheWait(t *testing.T) {
	asked := make(chan struct{}, 1)
	_, silent := serve(t, func(string, miekg.Question, *miekg.Msg) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	began := time.Now()
	facts, err := ask.Client{Timeout: time.Minute}.Observe(ctx, []ask.Server{{Name: "ns", Address: silent}}, zone, "", []string{service})
	if err != nil || !strings.Contains(facts.Servers[0].Err, "canceled") || time.Since(began) > 10*time.Second {
		t.Errorf("got %+v, %v after %s", facts, err, time.Since(began))
	}
}

func TestNobodyToAskIsAnError(t *testing.T) {
	if facts, err := client.Observe(t.Context(), nil, zone, "", []string{service}); err == nil {
		t.Errorf("got %+v", facts)
	}
}
