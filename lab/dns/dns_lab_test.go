//go:build lab

package dns_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/dns"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// update changes the rehearsal record as an administrator would.
func update(t *testing.T, ttl int, address string) error {
	t.Helper()
	env := labtest.Env(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // it is a cleanup too
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsupdate", "-k", env.RunDir+"/tsig.conf")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("server %s\nzone %s\nupdate delete %s A\nupdate add %s %d A %s\nsend\n",
		network.NS1.Address, env.Zone, env.Rehearsal, env.Rehearsal, ttl, address))
	_, err := part.RunCmd(cmd)
	return err
}

func await(t *testing.T, server network.Host, name, address string, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	err := part.Poll(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		got, err := dns.Ask(ctx, server, name)
		if err == nil && strings.Join(got, ",") != address {
			err = fmt.Errorf("%s says %v", server.Address, got)
		}
		return err
	})
	if err != nil {
		t.Errorf("%s never was %s: %v", name, address, err)
	}
}

func TestAnUpdateReachesEverybodyAndIsKept(t *testing.T) {
	labtest.Alone(t)
	vm := network.VM.Address.String()
	t.Cleanup(func() {
		if err := update(t, 300, vm); err != nil {
			t.Error(err)
		}
	})
	if err := update(t, 1, "10.77.0.199"); err != nil {
		t.Fatal(err)
	}
	await(t, network.NS2, dns.RehearsalName, "10.77.0.199", 5*time.Second)
	labtest.Kill(t, "ns1")
	if _, err := dns.Ask(t.Context(), network.NS1, dns.RehearsalName); err == nil {
		t.Error("a killed name server answers")
	}
	await(t, network.NS2, dns.RehearsalName, "10.77.0.199", time.Second)
	await(t, network.Resolver, dns.RehearsalName, "10.77.0.199", 10*time.Second)
	labtest.Start(t, "ns1")
	await(t, network.NS1, dns.RehearsalName, "10.77.0.199", 10*time.Second)
}
