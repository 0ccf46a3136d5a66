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

// Loader asks over HTTP at a constant rate.
type Loader struct{}

// loadTimeout bounds one request of a load.
const loadTimeout = 5 * time.Second

// Load shares the rate among the addresses and asks them side by side. An answer is well
// that has the status which the old entry gives when it is asked itself: an old side that
// bans whom it does not know answers too. The result is Valid when each address was asked
// at its rate and failed at most one request of a hundred.
func (Loader) Load(ctx context.Context, host string, addresses []string, port int, rate float64, over time.Duration, old migration.OldEntry) (migration.TrialResult, error) {
	if len(addresses) == 0 || len(old.Addresses) == 0 {
		return migration.TrialResult{}, errors.New("load: no address to ask")
	}
	own, err := ownStatus(ctx, host, old)
	if err != nil {
		return migration.TrialResult{}, fmt.Errorf("load: ask the old entry itself: %w", err)
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
			l, err := load.Attack(ctx, load.Options{
				URL: "http://" + target + cmp.Or(old.ProbePath, "/"), Rate: rate / float64(len(addresses)), For: over, Timeout: loadTimeout,
				Well:   func(status int) bool { return status == own },
				Header: http.Header{"Host": {strings.TrimSuffix(host, ".")}, "User-Agent": {"rehome-probe"}},
			})
			s := share{failed: l.Errors, asked: l.Requests, err: err}
			if !l.Valid {
				s.why = target + ": " + l.Why
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
