//go:build lab

package legacy_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/lab/legacy"
	"rehome.dev/rehome/lab/part"
)

// TestMain lets many probes wait beside each other: they take seconds, and hardly
// any time of a processor.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "9"); err != nil {
		panic(err)
	}
	legacy.Main(m)
}

// world is the machine with its applications, and the program that looks at it.
type world struct {
	*legacy.Legacy
	rehome   string
	canaries map[string]string
}

// units are all applications. They run together, so that each is one among many.
var units = []string{
	"nginx", "redis-server", "postgresql@15-main", "tomcat10", "php8.2-fpm", "rsyslog", "postfix@-", "haproxy", "cron", "supervisor",
	"royal-bank-api", "royal-bank-api-fixed", "ledger", "h2", "python-http", "clacks", "royal-bank-eod.timer",
	"forker", "dropins", "piped", "deleted", "activated.socket", "manyfiles", "nonutf8", "worker", "remote", "compiledin",
}

var begin = sync.OnceValues(func() (*world, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute) // compiling, where nothing is yet
	defer cancel()
	l, err := legacy.New(part.NewProgress(os.Stderr, false))
	if err != nil {
		return nil, err
	}
	w := &world{Legacy: l}
	if w.rehome, err = l.Build(ctx, "rehome.dev/rehome/cmd/rehome"); err != nil {
		return nil, err
	}
	if _, err = l.Build(ctx, "rehome.dev/rehome/cmd/rehome-agent"); err != nil {
		return nil, err
	}
	if w.canaries, err = l.Canaries(); err != nil {
		return nil, err
	}
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	if err := l.Start(ctx, units...); err != nil {
		return nil, err
	}
	return w, w.await(ctx)
})

// await returns when every application answers.
func (w *world) await(ctx context.Context) error {
	return part.Poll(ctx, 100*time.Millisecond, func(ctx context.Context) error {
		for _, page := range pages {
			if err := part.Probe(ctx, "", page.url); err != nil {
				return fmt.Errorf("an application does not serve: %w", err)
			}
		}
		_, err := w.Run(ctx, "pg_isready -q && ss -ltnH | grep -q 127.0.0.1:25")
		return err
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w, err := begin()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// on runs a command on the machine, which must succeed.
func (w *world) on(t *testing.T, command string) string {
	t.Helper()
	said, err := w.Run(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// withoutSecrets fails when one of the planted secrets is in a text.
func (w *world) withoutSecrets(t *testing.T, what, text string) {
	t.Helper()
	for name, secret := range w.canaries {
		if strings.Contains(text, secret) {
			t.Errorf("the secret %s is in %s", name, what)
		}
	}
}
