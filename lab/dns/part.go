package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// The processes, by the names that the lab stops and starts them by.
const (
	ns1      = "ns1"
	ns2      = "ns2"
	resolver = "resolver"
)

// KeyName is the TSIG key that may update the zone.
const KeyName = "rehome"

// beginTTL is the TTL, in seconds, that a migration first has to lower, and which
// bounds how soon it may switch.
const beginTTL = 30

// DNS is the part: primary, secondary and resolver.
type DNS struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *DNS { return &DNS{lab} }

func (d *DNS) Name() string { return "dns" }

// Packages has bind9-dnsutils for those who look by hand, with dig and nsupdate.
func (d *DNS) Packages() []string { return []string{"bind9", "bind9-dnsutils", "unbound"} }

// Up returns when primary, secondary and resolver all give the service's address.
// Where a zone is left from before it is served as it was, updates included.
func (d *DNS) Up(ctx context.Context) error {
	if _, err := os.Stat(d.lab.StatePath("dns", "installed")); err != nil {
		if err := d.install(); err != nil {
			return err
		}
	}
	for _, name := range []string{ns1, ns2, resolver} {
		if err := d.start(ctx, name); err != nil {
			return err
		}
	}
	d.lab.Progress.Say(d.Name(), "%s is served by %s and %s, cached by %s", ZoneName,
		network.NS1.Address, network.NS2.Address, network.Resolver.Address)
	return nil
}

// server is one of the processes: where it runs, how it is installed and started.
type server struct {
	host    network.Host
	install func() error
	args    func() ([]string, error)
}

func (d *DNS) servers(key Key) map[string]server {
	at := func(h network.Host) netip.AddrPort { return netip.AddrPortFrom(h.Address, 53) }
	var zones []Zone
	for _, b := range branch.All() {
		zones = append(zones, zoneOf(b, network.NS1.Address, network.NS2.Address, beginTTL))
	}
	head := &zones[0]
	head.Records = append(head.Records, fmt.Sprintf("%s 300 IN A %s", DatabaseName, network.DB.Address), fmt.Sprintf("%s 300 IN A %s", StagingDatabaseName, network.StagingDB.Address))
	for _, z := range zones[1:] { // below the head's, by the same servers (RFC 1034, section 4.2.1)
		head.Records = append(head.Records, z.Name+" 300 IN NS ns1", z.Name+" 300 IN NS ns2")
	}
	primary := Named{Dir: d.lab.StatePath("dns", ns1), Listen: at(network.NS1), Peer: at(network.NS2), Zones: zones, Key: key, Primary: true}
	secondary := Named{Dir: d.lab.StatePath("dns", ns2), Listen: at(network.NS2), Peer: at(network.NS1), Zones: zones, Key: key}
	cache := Unbound{Dir: d.lab.StatePath("dns", resolver), Listen: at(network.Resolver), Zone: ZoneName,
		Clients: []netip.Prefix{network.LANPrefix, network.Pods}, Servers: []netip.AddrPort{at(network.NS1), at(network.NS2)}}
	return map[string]server{
		ns1:      {network.NS1, primary.Install, primary.Args},
		ns2:      {network.NS2, secondary.Install, secondary.Args},
		resolver: {network.Resolver, cache.Install, cache.Args},
	}
}

func (d *DNS) install() error {
	key := NewKey(KeyName)
	if err := errors.Join(key.WriteSecret(d.lab.RunPath("tsig.key")), key.WriteClause(d.lab.RunPath("tsig.conf"))); err != nil {
		return err
	}
	for _, s := range d.servers(key) {
		if err := s.install(); err != nil {
			return err
		}
	}
	return part.WriteFile(d.lab.StatePath("dns", "installed"), nil, 0o600)
}

func (d *DNS) start(ctx context.Context, name string) error {
	s := d.servers(Key{})[name]
	args, err := s.args()
	if err != nil {
		return err
	}
	err = d.lab.Start(ctx, part.Process{Name: name, Netns: s.host.Netns, Path: args[0], Args: args[1:],
		Ready: []string{"tcp://" + netip.AddrPortFrom(s.host.Address, 53).String()}, ReadyWithin: 20 * time.Second})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return part.Poll(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		_, err := Ask(ctx, s.host, ServiceName)
		return err
	})
}

// Ask puts a question for an address to a name server or resolver of the lab, from
// within its own namespace, and returns what it says. No address is an error.
func Ask(ctx context.Context, server network.Host, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := part.DialIn(server.Netns)(ctx, "udp", netip.AddrPortFrom(server.Address, 53).String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reply, _, err := new(mdns.Client).ExchangeWithConnContext(ctx, new(mdns.Msg).SetQuestion(name, mdns.TypeA), &mdns.Conn{Conn: conn})
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", server.Address, name, err)
	}
	var addresses []string
	for _, rr := range reply.Answer {
		if a, ok := rr.(*mdns.A); ok {
			addresses = append(addresses, a.A.String())
		}
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%s has no address for %s: %s", server.Address, name, mdns.RcodeToString[reply.Rcode])
	}
	return addresses, nil
}

// Down stops the servers.
func (d *DNS) Down(ctx context.Context) error {
	var errs []error
	for _, name := range []string{resolver, ns2, ns1} {
		if err := d.lab.Stop(ctx, name); !errors.Is(err, part.ErrUnknownProcess) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Status asks each server where the service is.
func (d *DNS) Status(ctx context.Context) part.Status {
	status := d.lab.StatusOf(ns1, ns2, resolver)
	if status.State != part.StateUp {
		return status
	}
	var said []string
	for _, name := range []string{ns1, ns2, resolver} {
		addresses, err := Ask(ctx, d.servers(Key{})[name].host, ServiceName)
		if err != nil {
			return part.Status{State: part.StatePartial, Detail: err.Error()}
		}
		said = append(said, name+" "+strings.Join(addresses, ","))
	}
	status.Detail = ServiceName + " is " + strings.Join(said, "; ")
	return status
}
