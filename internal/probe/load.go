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

// Load shares the rate among the addresses and asks them side by side. An answer from
// 200 to 399 counts. The result is Valid when each of them was asked at its rate and
// failed at most one request of a hundred.
func (Loader) Load(ctx context.Context, host string, addresses []string, port int, path string, rate float64, over time.Duration) (migration.TrialResult, error) {
	if len(addresses) == 0 {
		return migration.TrialResult{}, errors.New("load: no address to ask")
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
				URL: "http://" + target + cmp.Or(path, "/"), Rate: rate / float64(len(addresses)), For: over, Timeout: loadTimeout,
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
