// Package ask asks every authoritative server of a zone directly, by each of its
// addresses, what it serves (DNS-ALL-NS). Every provider observes through it.
//
// It must not know how records are changed, and believes no cache: each question
// goes to the server itself, without recursion, and only an answer with authority
// counts.
package ask

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

// Server is one authoritative server at one of its addresses. Err says why there
// is no address: the server is then still among the facts, as one that is unknown.
type Server struct {
	Name    string
	Address netip.AddrPort
	Err     error
}

const (
	// inFlight bounds the questions that one server is asked at a time, so that
	// its response rate limiting does not take the answers for an attack.
	inFlight = 8
	// rounds bounds how often a zone that changes meanwhile is read again.
	rounds = 5
)

// Client asks. Timeout is the longest wait for all that one server is asked.
type Client struct {
	Timeout time.Duration
}

// Observe asks all servers at once for every handled set of the names. Facts are
// in the order of servers, sets in that of dns.Sets. What a server does not tell
// is in its facts as an error; an error of Observe itself is a fault in the
// question, or nobody to ask.
func (c Client) Observe(ctx context.Context, servers []Server, zone, view string, names []string) (migration.ZoneFacts, error) {
	facts := migration.ZoneFacts{Zone: zone, View: view}
	apex, clean, err := dns.Names(zone, names)
	if err != nil {
		return facts, fmt.Errorf("observe zone %s: %w", zone, err)
	}
	if len(servers) == 0 {
		return facts, fmt.Errorf("observe zone %s: no name server is known", zone)
	}
	if err := ctx.Err(); err != nil {
		return facts, fmt.Errorf("observe zone %s: %w", zone, err)
	}
	facts.Servers = make([]migration.ServerFacts, len(servers))
	var wait sync.WaitGroup
	for i, s := range servers {
		wait.Go(func() { facts.Servers[i] = c.observe(ctx, s, apex, clean) })
	}
	wait.Wait()
	return facts, nil
}

func (c Client) observe(ctx context.Context, s Server, zone string, names []string) migration.ServerFacts {
	facts := migration.ServerFacts{Server: s.Name}
	if s.Err != nil {
		facts.Err = s.Err.Error()
		return facts
	}
	facts.Address = s.Address.String()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	serial, sets, err := c.settled(ctx, s.Address, zone, names)
	if err != nil {
		facts.Err = err.Error()
		return facts
	}
	facts.Serial, facts.Sets = serial, sets
	return facts
}

// settled reads the names until nothing changed between the first question and
// the last: half of one version of the zone beside half of another would look
// like a change by somebody else. In a zone where other names change all the time
// it is enough to read the same twice.
func (c Client) settled(ctx context.Context, at netip.AddrPort, zone string, names []string) (uint32, []migration.RRset, error) {
	var last []migration.RRset
	before, err := c.serial(ctx, at, zone)
	for round := 0; err == nil && round < rounds; round++ {
		var sets []migration.RRset
		if sets, err = c.sets(ctx, at, names); err != nil {
			break
		}
		var after uint32
		if after, err = c.serial(ctx, at, zone); err != nil {
			break
		}
		if after == before || (round > 0 && slices.EqualFunc(sets, last, migration.RRset.Same)) {
			return after, sets, nil
		}
		before, last = after, sets
	}
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, fmt.Errorf("the zone changed each of the %d times it was read", rounds)
}

func (c Client) serial(ctx context.Context, at netip.AddrPort, zone string) (uint32, error) {
	records, err := c.answer(ctx, at, zone, miekg.TypeSOA)
	if err != nil {
		return 0, err
	}
	for _, rr := range records {
		if soa, ok := rr.(*miekg.SOA); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("it has no SOA for %s: the zone is not served there", zone)
}

func (c Client) sets(ctx context.Context, at netip.AddrPort, names []string) ([]migration.RRset, error) {
	type question struct {
		name string
		typ  uint16
	}
	var questions []question
	for _, n := range names {
		for _, t := range dns.Types {
			questions = append(questions, question{n, miekg.StringToType[t]})
		}
	}
	answers := make([][]miekg.RR, len(questions))
	faults := make([]error, len(questions))
	places := make(chan struct{}, inFlight)
	var wait sync.WaitGroup
	for i, q := range questions {
		places <- struct{}{}
		wait.Go(func() {
			answers[i], faults[i] = c.answer(ctx, at, q.name, q.typ)
			<-places
		})
	}
	wait.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err // one is enough: they are mostly the same
		}
	}
	return dns.Sets(slices.Concat(answers...))
}

// answer gives the records of exactly that name and type. What a server adds by
// following a CNAME belongs to other names.
func (c Client) answer(ctx context.Context, at netip.AddrPort, name string, typ uint16) ([]miekg.RR, error) {
	reply, err := c.exchange(ctx, at, name, typ)
	if err != nil {
		return nil, fmt.Errorf("ask for %s %s: %w", name, miekg.TypeToString[typ], err)
	}
	if err := checkAuthority(reply); err != nil {
		return nil, fmt.Errorf("ask for %s %s: %w", name, miekg.TypeToString[typ], err)
	}
	return slices.DeleteFunc(reply.Answer, func(rr miekg.RR) bool {
		return rr.Header().Rrtype != typ || !strings.EqualFold(rr.Header().Name, name)
	}), nil
}

var errNoAuthority = errors.New("it answers without authority: the zone is delegated to other servers, or a cache stands there")

func checkAuthority(reply *miekg.Msg) error {
	switch reply.Rcode {
	case miekg.RcodeSuccess, miekg.RcodeNameError:
	case miekg.RcodeRefused:
		return errors.New("it refuses to answer (REFUSED): it may no longer serve the zone, or not for this client's address")
	case miekg.RcodeServerFailure:
		return errors.New("it cannot answer (SERVFAIL): look into its log, the zone may have failed to load or have expired")
	default:
		return fmt.Errorf("it answers %s", miekg.RcodeToString[reply.Rcode])
	}
	if !reply.Authoritative {
		return errNoAuthority
	}
	return nil
}
