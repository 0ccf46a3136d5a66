package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/dns"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// Reset gives the lab back as it was before any migration: the records lead to
// the old side with a TTL in seconds, and the cluster holds nothing of rehome's.
//
// The clients have left the cluster before its Service is deleted. Connections to
// an address that nobody serves stay in the node's connection tracking for two
// minutes, past kube-proxy, and a Service that gets the address again would have
// requests refused whose source port is the same.
func (w *World) Reset(ctx context.Context, ttl int) error {
	if err := w.resetRecords(ctx, ttl); err != nil {
		return err
	}
	if err := w.clientsBack(ctx); err != nil {
		return err
	}
	for _, ns := range []string{w.Branch.Namespace, w.Branch.Staging()} {
		if _, err := cluster.Kubectl(ctx, w.lab, nil, "-n", ns, "delete", "deployment,statefulset,replicaset,service,pod", "-l", "app.kubernetes.io/managed-by=rehome", "--wait=true", "--timeout=60s"); err != nil {
			return fmt.Errorf("reset the cluster: %w", err)
		}
	}
	return nil
}

func (w *World) resetRecords(ctx context.Context, ttl int) error {
	script := fmt.Sprintf("server %s\nzone %s\n", network.NS1.Address, w.Branch.Zone)
	for _, name := range []string{w.Branch.Service(), w.Branch.Rehearsal()} {
		script += fmt.Sprintf("update delete %[1]s A\nupdate delete _rehome.%[1]s TXT\nupdate add %[1]s %[2]d A %[3]s\n", name, ttl, w.Branch.Old.Address)
	}
	cmd := w.lab.Command(ctx, network.Ops.Netns, "nsupdate", "-k", w.lab.RunPath("tsig.conf"))
	cmd.Stdin = strings.NewReader(script + "send\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("reset the records: %w: %s", err, out)
	}
	return nil
}

// clientsBack returns when both name servers and the clients' resolver lead to the
// old side, which takes as long as the TTL of what the resolver has.
func (w *World) clientsBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	want := []string{w.Branch.Old.Address.String()}
	return part.Poll(ctx, 100*time.Millisecond, func(ctx context.Context) error {
		for _, server := range []network.Host{network.NS1, network.NS2, network.Resolver} {
			got, err := dns.Ask(ctx, server, w.Branch.Service())
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s still leads to %s", server.Address, got)
			}
		}
		return nil
	})
}
