package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/metrics/probes"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/probe"
)

// aim lets probes ask the old entry, and the addresses at which the cluster exposes
// the new side, as the engine's own prober does.
func aim(s *probes.Source, spec migration.Spec, c engine.Cluster) error {
	prober := &probe.Prober{Timeout: s.Timeout()}
	if secure, caFile := s.Secure(); secure {
		trusted, err := authorities(caFile)
		if err != nil {
			return err
		}
		prober.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	}
	s.Ask = prober.Ask
	s.Aim = func(ctx context.Context, side migration.Side) (probes.Targets, error) {
		t := probes.Targets{Addresses: spec.OldEntry.Addresses, Port: spec.OldEntry.Port, Path: spec.OldEntry.ProbePath}
		if len(spec.Names) > 0 {
			t.Host = strings.TrimSuffix(spec.Names[0].Name, ".")
		}
		if side == migration.OldSide {
			return t, nil
		}
		seen, err := c.Observe(ctx, spec, migration.Production)
		if err != nil {
			return t, fmt.Errorf("look for the balancer's addresses: %w", err)
		}
		t.Addresses = nil
		for _, x := range seen.Exposures {
			t.Addresses, t.Port = append(t.Addresses, x.Addresses...), int(x.Port)
		}
		return t, nil
	}
	return nil
}

// authorities are those of the file, nil for the system's where there is none.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("setting caFile: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("setting caFile: %s holds no PEM certificate", file)
	}
	return pool, nil
}
