// Package rfc2136 changes records by DNS UPDATE (RFC 2136) signed with TSIG (RFC
// 8945): one message per change, whose prerequisites name every set that is
// replaced, so that the server compares and swaps.
//
// It must not know what a change is for. The TTL is not part of a prerequisite
// and therefore not compared: a change of nothing but the TTL by somebody else is
// overwritten.
package rfc2136

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/dns/ask"
	"rehome.dev/rehome/internal/migration"
)

// Provider is one primary with one key. It is safe for concurrent use.
type Provider struct {
	settings
	asker ask.Client
	// now and nsPort differ from the system's clock and port 53 only in tests.
	now    func() time.Time
	nsPort uint16
}

// New checks the connection's settings; it reaches nobody, and the secret is read
// at each use (CheckSecret tells beforehand). The error names every setting that
// is wrong and the remedy.
func New(conn migration.Connection) (*Provider, error) {
	s, err := parse(conn)
	if err != nil {
		return nil, err
	}
	return &Provider{settings: s, asker: ask.Client{Timeout: s.timeout}, now: time.Now, nsPort: ask.Port}, nil
}

// Observe asks every authoritative server: those of the settings, or else those
// that the zone itself names at its primary. Which view answers is decided by the
// servers, from this client's address; view only labels the facts.
func (p *Provider) Observe(ctx context.Context, zone, view string, names []string) (migration.ZoneFacts, error) {
	servers, err := p.authoritative(ctx, zone)
	if err != nil {
		return migration.ZoneFacts{Zone: zone, View: view}, err
	}
	return p.asker.Observe(ctx, servers, zone, view, names)
}

func (p *Provider) authoritative(ctx context.Context, zone string) ([]ask.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if len(p.servers) > 0 {
		return ask.Resolve(ctx, p.servers), nil
	}
	var err error
	for _, primary := range ask.Resolve(ctx, []string{p.server}) {
		var found []ask.Server
		if found, err = p.asker.Discover(ctx, primary, zone, p.nsPort); err == nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%w; list all name servers in the setting %s", err, SettingServers)
}

// Swap sends one UPDATE. Nothing is ever sent twice: where the answer is missing
// the outcome is unknown and an observation settles it.
func (p *Provider) Swap(ctx context.Context, c migration.SwapRecords) (migration.Outcome, error) {
	change, err := dns.NewChange(c)
	if err != nil {
		return migration.OutcomeNotDone, err
	}
	outcome, err := p.update(ctx, change)
	if err != nil {
		err = fmt.Errorf("change %s at %s: %w", change, p.server, err)
	}
	return outcome, err
}

// Check tries with a signed UPDATE that changes nothing whether the primary takes
// changes of the zone with this key.
func (p *Provider) Check(ctx context.Context, zone string) error {
	apex, err := dns.Name(zone)
	if err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	outcome, err := p.update(ctx, dns.Change{Zone: apex})
	if err == nil && outcome != migration.OutcomeDone {
		err = fmt.Errorf("the outcome is %s", outcome)
	}
	if err != nil {
		return fmt.Errorf("try an update of %s at %s: %w", apex, p.server, err)
	}
	return nil
}

func (p *Provider) update(ctx context.Context, change dns.Change) (migration.Outcome, error) {
	secret, err := p.key.secret(os.LookupEnv)
	if err != nil {
		return migration.OutcomeNotDone, err
	}
	m, err := message(change)
	if err != nil {
		return migration.OutcomeNotDone, err
	}
	signed, err := sign(m, p.key, secret, p.now())
	if err != nil {
		return migration.OutcomeNotDone, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	reply, sent, err := exchange(ctx, p.server, signed.wire)
	switch {
	case err != nil && !sent:
		return migration.OutcomeNotDone, fmt.Errorf("nothing was sent: %w", err)
	case err != nil:
		return migration.OutcomeUnknown, fmt.Errorf("sent, but there is no answer: %w", err)
	}
	a, err := signed.read(reply, secret)
	if err != nil {
		return migration.OutcomeUnknown, err
	}
	return judge(a, change.Zone, p.key.name)
}

func joinAddress(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
