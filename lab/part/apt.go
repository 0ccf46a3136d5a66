package part

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rehome.dev/rehome/lab/apt"
)

// Install brings in the Debian packages that are missing. Their services are not
// started: the lab runs the programs itself, within its network namespaces.
func (l *Lab) Install(ctx context.Context, packages []string) error {
	missing := apt.Missing(ctx, packages...)
	if len(missing) == 0 {
		return ctx.Err()
	}
	l.Progress.Say("apt", "installing %s", strings.Join(missing, " "))
	stop := l.TellEvery(ctx, 10*time.Second, "apt", func() string { return "still installing" })
	defer stop()
	if err := apt.Install(ctx, missing...); err != nil {
		return fmt.Errorf("install Debian packages: %w", err)
	}
	l.Progress.Say("apt", "installed %d packages", len(missing))
	return nil
}

// TellEvery says line's answer again and again while something long is under way.
func (l *Lab) TellEvery(ctx context.Context, every time.Duration, part string, line func() string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.Progress.Say(part, "%s", line())
			}
		}
	}()
	return func() { cancel(); <-done }
}
