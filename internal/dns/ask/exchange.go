package ask

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	miekg "github.com/miekg/dns"
)

const (
	attempts = 3 // over UDP, which may lose either packet
	// udpSize is what travels without fragments on practically every path.
	udpSize = 1232
)

// exchange puts one question over UDP, and over TCP where the answer was cut.
func (c Client) exchange(ctx context.Context, at netip.AddrPort, name string, typ uint16) (*miekg.Msg, error) {
	reply, err := c.overUDP(ctx, at, name, typ)
	if err != nil || !reply.Truncated {
		return reply, err
	}
	reply, err = once(ctx, "tcp", at, name, typ, c.Timeout)
	if err != nil {
		return nil, fmt.Errorf("over TCP, as the answer is too long for UDP: %w", err)
	}
	return reply, nil
}

func (c Client) overUDP(ctx context.Context, at netip.AddrPort, name string, typ uint16) (*miekg.Msg, error) {
	for attempt := 1; ; attempt++ {
		// Each attempt gets its share of what is left, so that all of them are made.
		wait := c.Timeout
		if end, ok := ctx.Deadline(); ok {
			wait = time.Until(end)
		}
		reply, err := once(ctx, "udp", at, name, typ, wait/time.Duration(attempts-attempt+1))
		if err == nil || attempt == attempts || ctx.Err() != nil || errors.Is(err, syscall.ECONNREFUSED) {
			return reply, err
		}
	}
}

// once sends one packet and waits for its answer. A reply to another question is
// none.
func once(ctx context.Context, network string, at netip.AddrPort, name string, typ uint16, wait time.Duration) (*miekg.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m := new(miekg.Msg).SetQuestion(name, typ)
	m.RecursionDesired = false
	m.SetEdns0(udpSize, false)
	client := &miekg.Client{Net: network, Timeout: wait}
	conn, err := client.DialContext(ctx, at.String())
	if err != nil {
		return nil, plain(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	reply, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	if err != nil {
		return nil, plain(ctx, err)
	}
	if !reply.Response || len(reply.Question) != 1 || reply.Question[0].Qtype != typ ||
		!strings.EqualFold(reply.Question[0].Name, name) {
		return nil, errors.New("it answers another question than it was asked")
	}
	return reply, nil
}

// plain says in a person's words why there is no answer, without the ports of
// this side, which differ each time.
func plain(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("not waited for: %w", context.Canceled)
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens there: %w", syscall.ECONNREFUSED)
	}
	return err
}
