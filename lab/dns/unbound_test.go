package dns_test

import (
	"context"
	"net/netip"
	"os/exec"
	"syscall"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/lab/apt"
	"rehome.dev/rehome/lab/dns"
	"rehome.dev/rehome/lab/dns/bindtest"
	"rehome.dev/rehome/lab/freeport"
)

// resolver starts unbound in front of a zone.
func resolver(t *testing.T, zone *bindtest.Server) netip.AddrPort {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := apt.Install(ctx, "unbound"); err != nil {
		t.Fatal(err)
	}
	listen := freeport.Local(t)
	u := dns.Unbound{Dir: t.TempDir(), Listen: listen, Zone: dns.ZoneName,
		Clients: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Servers: []netip.AddrPort{zone.Primary, zone.Secondary}}
	if err := u.Install(); err != nil {
		t.Fatal(err)
	}
	args, err := u.Args()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := ask(listen, "ns1.golemtrust.am."); err == nil {
			return listen
		} else if time.Now().After(deadline) {
			t.Fatalf("unbound does not answer: %v", err)
		}
	}
}

func ask(at netip.AddrPort, name string) (*mdns.Msg, error) {
	client := &mdns.Client{Timeout: 2 * time.Second}
	reply, _, err := client.Exchange(new(mdns.Msg).SetQuestion(name, mdns.TypeA), at.String())
	return reply, err
}

func address(t *testing.T, at netip.AddrPort) (a string, ttl uint32) {
	t.Helper()
	reply, err := ask(at, dns.ServiceName)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Answer) != 1 {
		t.Fatalf("answer %v", reply)
	}
	rr := reply.Answer[0].(*mdns.A)
	return rr.A.String(), rr.Hdr.Ttl
}

func TestTheResolverKeepsAnAnswerForItsTTLAndNoLonger(t *testing.T) {
	zone := bindtest.Start(t)
	at := resolver(t, zone)
	zone.Update(dns.ServiceName + " 2 IN A 10.77.0.20")
	awaitSecondary(t, zone)
	asked := time.Now()
	if got, ttl := address(t, at); got != "10.77.0.20" || ttl > 2 {
		t.Fatalf("%s with TTL %d", got, ttl)
	}
	zone.Update(dns.ServiceName + " 2 IN A 10.77.0.200")
	awaitSecondary(t, zone)
	if got, _ := address(t, at); got != "10.77.0.20" && time.Since(asked) < 2*time.Second {
		t.Errorf("%s before the TTL is over: nothing is cached", got)
	}
	for {
		got, _ := address(t, at)
		if got == "10.77.0.200" {
			break
		}
		if time.Since(asked) > 3500*time.Millisecond {
			t.Fatalf("still %s %s after an answer with a TTL of 2 s", got, time.Since(asked))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestTheResolverDoesWithoutOneNameServer(t *testing.T) {
	zone := bindtest.Start(t)
	at := resolver(t, zone)
	zone.StopPrimary()
	if got, _ := address(t, at); got != "10.77.0.20" {
		t.Errorf("%s", got)
	}
}

func TestTheResolverKnowsNoOtherZone(t *testing.T) {
	at := resolver(t, bindtest.Start(t))
	if reply, err := ask(at, "example.org."); err != nil || reply.Rcode != mdns.RcodeRefused {
		t.Errorf("%v, %v; want REFUSED", reply, err)
	}
	if reply, err := ask(at, "no-such-name.golemtrust.am."); err != nil || reply.Rcode != mdns.RcodeNameError {
		t.Errorf("%v, %v; want NXDOMAIN", reply, err)
	}
}

func awaitSecondary(t *testing.T, zone *bindtest.Server) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); zone.Serial(zone.Primary) != zone.Serial(zone.Secondary); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the secondary never had the update")
		}
	}
}
