package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/load"
	"rehome.dev/rehome/internal/migration"
)

// Loader asks over HTTP at a constant rate. Travel is how long a balancer that was just
// turned is left alone, 2 s where it is zero: endpoints reach the nodes later than they
// are seen.
type Loader struct {
	Travel time.Duration
}

// The old entry's answer is waited for arrives times as long, and asked for polls times
// in each.
const (
	defaultTravel = 2 * time.Second
	arrives       = 5
	polls         = 10
)

// loadTimeout bounds one request of a load.
const loadTimeout = 5 * time.Second

// Load shares the rate among the addresses and asks them side by side. An answer is well
// that has the status which the old entry gives when it is asked itself: an old side that
// bans whom it does not know answers too. The result is Valid when each address was asked
// at its rate and failed at most one request of a hundred.
func (l Loader) Load(ctx context.Context, host string, addresses []string, port int, rate float64, over time.Duration, old migration.OldEntry) (migration.TrialResult, error) {
	if len(addresses) == 0 || len(old.Addresses) == 0 {
		return migration.TrialResult{}, errors.New("load: no address to ask")
	}
	own, err := ownStatus(ctx, host, old)
	if err != nil {
		return migration.TrialResult{}, fmt.Errorf("load: ask the old entry itself: %w", err)
	}
	if err := l.settle(ctx, host, addresses, port, old, own); err != nil {
		return migration.TrialResult{}, fmt.Errorf("load %s: %w", strings.Join(addresses, ", "), err)
	}
	out := migration.TrialResult{Rate: rate, For: over, Addresses: addresses, Valid: true}
	type share struct {
		failed, asked uint64
		why           string
		err           error
	}
	shares := make(chan share, len(addresses))
	for _, address := range addresses {
		target := net.JoinHostPort(strings.TrimSuffix(address, "."), strconv.Itoa(port))
		go func() {
			got, err := load.Attack(ctx, load.Options{
				URL: "http://" + target + cmp.Or(old.ProbePath, "/"), Rate: rate / float64(len(addresses)), For: over, Timeout: loadTimeout,
				Well:   func(status int) bool { return status == own },
				Header: http.Header{"Host": {strings.TrimSuffix(host, ".")}, "User-Agent": {"rehome-probe"}},
			})
			s := share{failed: got.Errors, asked: got.Requests, err: err}
			if !got.Valid {
				s.why = target + ": " + got.Why
			}
			shares <- s
		}()
	}
	var why []string
	var errs []error
	for range addresses {
		s := <-shares
		out.Requests, out.Failed = out.Requests+s.asked, out.Failed+s.failed
		if s.err != nil {
			errs = append(errs, s.err)
		}
		if s.why != "" {
			why = append(why, s.why)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return migration.TrialResult{}, fmt.Errorf("load %s: %w", strings.Join(addresses, ", "), err)
	}
	if err := ctx.Err(); err != nil {
		return migration.TrialResult{}, fmt.Errorf("load %s: %w", strings.Join(addresses, ", "), err)
	}
	if len(why) > 0 {
		out.Valid, out.Why = false, strings.Join(why, "; ")
	}
	return out, nil
}

// ownStatus is what the old entry answers to the same question, asked itself.
func ownStatus(ctx context.Context, host string, old migration.OldEntry) (int, error) {
	target := net.JoinHostPort(strings.TrimSuffix(old.Addresses[0], "."), strconv.Itoa(old.Port))
	req, err := request(ctx, target, host, old.ProbePath)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", target, err)
	}
	a := (&Prober{Timeout: loadTimeout}).ask(req, target)
	if !a.ok() {
		return 0, errors.New(a.String())
	}
	return a.status, nil
}

// settle lets the turn of a balancer travel, and waits a while until each address
// answers as the old entry does. That it never does is for the load to show.
func (l Loader) settle(ctx context.Context, host string, addresses []string, port int, old migration.OldEntry, own int) error {
	travel := cmp.Or(l.Travel, defaultTravel)
	if err := pause(ctx, travel); err != nil {
		return err
	}
	until := time.Now().Add(arrives * travel)
	for _, address := range addresses {
		for time.Now().Before(until) {
			there := migration.OldEntry{Addresses: []string{address}, Port: port, ProbePath: old.ProbePath}
			if status, err := ownStatus(ctx, host, there); err == nil && status == own {
				break
			}
			if err := pause(ctx, travel/polls); err != nil {
				return err
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
