package prometheus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"rehome.dev/rehome/internal/metrics/httpclient"
	"rehome.dev/rehome/internal/migration"
)

// query is one selector asked at one moment.
type query struct {
	side     migration.Side
	what     string // requests, errors or latency
	selector string
	at       time.Time
	window   time.Duration
}

// read gives the raw samples of the selector in (at-window, at].
//
// A range selector, unlike the instant one, says when each value was scraped,
// goes by no look-back of the server's, keeps the last count of an instance that
// has gone, and is not allowed behind rate() or any other expression.
func (s *Source) read(ctx context.Context, q query) ([]series, error) {
	all, err := s.ask(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s side: %s %s: %w", q.side, q.what, q.selector, err)
	}
	return all, nil
}

func (s *Source) ask(ctx context.Context, q query) ([]series, error) {
	if strings.TrimSpace(q.selector) == "" {
		return nil, errors.New("the migration names no selector")
	}
	text := fmt.Sprintf("%s[%dms]", strings.TrimSpace(q.selector), q.window.Milliseconds())
	value, warnings, _, err := s.api.Query(ctx, text, q.at)
	if err != nil {
		return nil, errors.Join(s.explain(err), warned(warnings))
	}
	// Thanos and its kin answer with what they have and warn that it is not all.
	if err := warned(warnings); err != nil {
		return nil, fmt.Errorf("the answer may not be whole: %w", err)
	}
	matrix, ok := value.(model.Matrix)
	if value == nil {
		return nil, fmt.Errorf("the reply holds no data (is %s the base address of a Prometheus?)", s.address)
	}
	if !ok {
		return nil, fmt.Errorf("gives a %s: want a selector of counters", value.Type())
	}
	var all []series
	for _, stream := range matrix {
		one, err := newSeries(stream, q.at.Add(-q.window), q.at)
		if err != nil {
			return nil, err
		}
		if one != nil {
			all = append(all, *one)
		}
	}
	return all, nil
}

func warned(warnings v1.Warnings) error {
	if len(warnings) == 0 {
		return nil
	}
	return fmt.Errorf("Prometheus warns: %s", strings.Join(warnings, "; "))
}

// explain adds to an error what its reader can do about it. The body of a reply
// that is not Prometheus's is left out: it may be a whole page.
func (s *Source) explain(err error) error {
	var refused *v1.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s: %w", s.timeout, err)
	case !errors.As(err, &refused):
		return err
	case refused.Type == v1.ErrBadData:
		return fmt.Errorf("%w (want a plain selector of counters, without a function or a range)", err)
	case strings.HasSuffix(refused.Msg, "401"), strings.HasSuffix(refused.Msg, "403"):
		return fmt.Errorf("%w (check %s, or %s and %s)", err, httpclient.TokenFile, httpclient.User, httpclient.PasswordFile)
	case strings.HasSuffix(refused.Msg, "404"), refused.Type == v1.ErrBadResponse:
		return fmt.Errorf("%w (is %s the base address of a Prometheus?)", err, s.address)
	}
	return err
}
