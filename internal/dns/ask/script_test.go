package ask_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	miekg "github.com/miekg/dns"
)

const (
	zone    = "golemtrust.am."
	service = "royal-bank-api.golemtrust.am."
)

// script is a name server whose every answer a test decides; answer false means
// that the packet is lost.
type script struct {
	mu      sync.Mutex
	asked   []string // "udp A name" in the order of arrival
	answers func(network string, q miekg.Question, reply *miekg.Msg) bool
}

// serve runs the script over UDP and TCP at one loopback address.
func serve(t *testing.T, answers func(network string, q miekg.Question, reply *miekg.Msg) bool) (*script, netip.AddrPort) {
	t.Helper()
	s := &script{answers: answers}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for _, server := range []*miekg.Server{{PacketConn: udp, Handler: s.handler("udp")}, {Listener: tcp, Handler: s.handler("tcp")}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		wait.Go(func() { server.ActivateAndServe() })
		<-started
		t.Cleanup(func() { server.Shutdown() })
	}
	return s, udp.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (s *script) handler(network string) miekg.HandlerFunc {
	return func(w miekg.ResponseWriter, m *miekg.Msg) {
		q := m.Question[0]
		reply := new(miekg.Msg).SetReply(m)
		reply.Authoritative = true
		s.mu.Lock()
		s.asked = append(s.asked, network+" "+miekg.TypeToString[q.Qtype]+" "+q.Name)
		answer := s.answers(network, q, reply)
		if m.RecursionDesired {
			reply.Rcode = miekg.RcodeRefused
		}
		s.mu.Unlock()
		if answer {
			w.WriteMsg(reply)
		}
	}
}

func (s *script) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func record(text string) miekg.RR {
	rr, err := miekg.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}

// zoneOf answers with the records that fit, and an SOA with the given serial.
func zoneOf(serial string, records ...string) func(string, miekg.Question, *miekg.Msg) bool {
	records = append(records, zone+" 60 IN SOA ns1 hostmaster "+serial+" 5 2 86400 5")
	return func(_ string, q miekg.Question, reply *miekg.Msg) bool {
		for _, text := range records {
			if rr := record(text); rr.Header().Name == q.Name && rr.Header().Rrtype == q.Qtype {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		return true
	}
}
