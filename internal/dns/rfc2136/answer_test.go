package rfc2136_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
)

const keyName = "rehome."

// primary answers each update over TCP as the test says: with a message, which is
// signed if it has a TSIG, or not at all with nil, which closes the connection.
func primary(t *testing.T, answer func(request *miekg.Msg) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			request := new(miekg.Msg)
			if wire, err := readMessage(conn); err == nil && request.Unpack(wire) == nil {
				if reply := answer(request); reply != nil {
					writeMessage(conn, reply)
				}
			}
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
	return l.Addr().String()
}

// reply answers with a code; with a secret it is signed.
func reply(t *testing.T, request *miekg.Msg, rcode int, secret string) []byte {
	m := new(miekg.Msg).SetRcode(request, rcode)
	if secret == "" {
		wire, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return wire
	}
	m.SetTsig(keyName, miekg.HmacSHA256, 300, time.Now().Unix())
	wire, _, err := miekg.TsigGenerate(m, secret, request.IsTsig().MAC, false)
	if err != nil {
		t.Error(err)
	}
	return wire
}

const ourSecret = "b3Vyc2VjcmV0b3Vyc2VjcmV0b3Vyc2VjcmV0b3Vycw=="

func TestWhatAnAnswerMeans(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(t *testing.T, request *miekg.Msg) []byte
		want   migration.Outcome
		says   string // "" demands that there is no error
	}{
		{"done", signed(miekg.RcodeSuccess), migration.OutcomeDone, ""},
		{"not the set", signed(miekg.RcodeNXRrset), migration.OutcomeForeign, ""},
		{"a set too many", signed(miekg.RcodeYXRrset), migration.OutcomeForeign, ""},
		{"refused", signed(miekg.RcodeRefused), migration.OutcomeNotDone, "allow-update"},
		{"refused, unsigned", unsigned(miekg.RcodeRefused), migration.OutcomeNotDone, "allow-update"},
		{"not authoritative", signed(miekg.RcodeNotAuth), migration.OutcomeNotDone, "not authoritative for the zone golemtrust.am."},
		{"not in the zone", signed(miekg.RcodeNotZone), migration.OutcomeNotDone, "NOTZONE"},
		{"no updates", unsigned(miekg.RcodeNotImplemented), migration.OutcomeNotDone, "NOTIMP"},
		{"not understood", unsigned(miekg.RcodeFormatError), migration.OutcomeNotDone, "FORMERR"},
		{"failed", signed(miekg.RcodeServerFailure), migration.OutcomeUnknown, "SERVFAIL"},
		{"failed, unsigned", unsigned(miekg.RcodeServerFailure), migration.OutcomeUnknown, "SERVFAIL"},
		{"done, says anybody", unsigned(miekg.RcodeSuccess), migration.OutcomeUnknown, "without a signature"},
		{"not the set, says anybody", unsigned(miekg.RcodeNXRrset), migration.OutcomeUnknown, "without a signature"},
		{"done, signed by another", func(t *testing.T, m *miekg.Msg) []byte {
			return reply(t, m, miekg.RcodeSuccess, otherSecret)
		}, migration.OutcomeUnknown, "signature is wrong"},
		{"done, but to another message", func(t *testing.T, m *miekg.Msg) []byte {
			m.Id++
			return reply(t, m, miekg.RcodeSuccess, ourSecret)
		}, migration.OutcomeUnknown, "another message"},
		{"the request itself", func(t *testing.T, m *miekg.Msg) []byte {
			wire, _ := m.Pack()
			return wire
		}, migration.OutcomeUnknown, "another message"},
		{"noise", func(*testing.T, *miekg.Msg) []byte { return []byte("noise") }, migration.OutcomeUnknown, "cannot be read"},
		{"closed", func(*testing.T, *miekg.Msg) []byte { return nil }, migration.OutcomeUnknown, "sent, but there is no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t, map[string]string{"tsigName": keyName, "tsigSecretFile": secretFile(t, ourSecret),
				"server": primary(t, func(m *miekg.Msg) []byte { return c.answer(t, m) })})
			got, err := p.Swap(t.Context(), theSwitch())
			if got != c.want || (err == nil) != (c.says == "") {
				t.Fatalf("ended %s, %v; want %s", got, err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

func signed(rcode int) func(*testing.T, *miekg.Msg) []byte {
	return func(t *testing.T, m *miekg.Msg) []byte { return reply(t, m, rcode, ourSecret) }
}

func unsigned(rcode int) func(*testing.T, *miekg.Msg) []byte {
	return func(t *testing.T, m *miekg.Msg) []byte { return reply(t, m, rcode, "") }
}

// The message itself: what is demanded, removed and added, in this order.
func TestTheMessageSaysItAll(t *testing.T) {
	var got *miekg.Msg
	p := newProvider(t, map[string]string{"tsigName": keyName, "tsigSecretFile": secretFile(t, ourSecret),
		"server": primary(t, func(m *miekg.Msg) []byte { got = m.Copy(); return reply(t, m, miekg.RcodeSuccess, ourSecret) })})
	c := theSwitch()
	generation := migration.RRset{Name: "_rehome." + c.Before[0].Name, Type: "TXT", TTL: 60}
	c.Before = append(c.Before, generation)
	generation.Data = []string{`"1"`}
	c.After = append(c.After, generation)
	if outcome, err := p.Swap(t.Context(), c); outcome != migration.OutcomeDone {
		t.Fatal(outcome, err)
	}
	want := `
demand _rehome.royal-bank-api.golemtrust.am.	0	NONE	TXT
demand royal-bank-api.golemtrust.am.	0	IN	A	10.77.0.20
demand _rehome.royal-bank-api.golemtrust.am.	0	NONE	CNAME
demand royal-bank-api.golemtrust.am.	0	NONE	CNAME
change _rehome.royal-bank-api.golemtrust.am.	0	ANY	TXT
change royal-bank-api.golemtrust.am.	0	ANY	A
change _rehome.royal-bank-api.golemtrust.am.	60	IN	TXT	"1"
change royal-bank-api.golemtrust.am.	60	IN	A	10.77.0.200`
	named := strings.NewReplacer("CLASS255", "ANY") // as RFC 2136 calls it
	var lines strings.Builder
	for _, rr := range got.Answer {
		lines.WriteString("\ndemand " + strings.TrimSpace(rr.String()))
	}
	for _, rr := range got.Ns {
		lines.WriteString("\nchange " + named.Replace(strings.TrimSpace(rr.String())))
	}
	if lines.String() != want {
		t.Errorf("got%s\nwant%s", lines.String(), want)
	}
}
