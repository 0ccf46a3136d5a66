package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rehome.dev/rehome/internal/forward"
)

const forwardUsage = `
  rehome-agent forward [FLAG…] ROUTE…
                         leads connections on until it is told to end; -h shows its flags.
                         ROUTE is LISTEN=SCHEME://HOST:PORT[,HOST:PORT…][?key=value…],
                         SCHEME one of tcp, tls, http, https
`

// leadOn carries out forward. The first signal to end lets open connections end, the
// second one cuts them.
func leadOn(ctx context.Context, args []string, stderr io.Writer) int {
	s, code, ok := forwardSettings(args, stderr)
	if !ok {
		return code
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told := make(chan os.Signal, 2)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(told)
	stop := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case <-ctx.Done():
				return
			case <-told:
			}
			if !first {
				cancel()
				return
			}
			close(stop)
		}
	}()
	go slim(ctx)
	if err := forward.Run(ctx, s, stop); err != nil {
		fmt.Fprintln(stderr, "rehome-agent:", err)
		if errors.Is(err, forward.ErrSettings) {
			return exitUsage
		}
		return exitFailed
	}
	return exitDone
}

// forwardSettings reads the command line; where it gives none it has said why.
func forwardSettings(args []string, stderr io.Writer) (s forward.Settings, code int, ok bool) {
	s = forward.Defaults()
	s.Version = Version()
	s.Say = func(format string, args ...any) {
		fmt.Fprintf(stderr, time.Now().UTC().Format(time.RFC3339)+" "+format+"\n", args...)
	}
	flags := flag.NewFlagSet("rehome-agent forward", flag.ContinueOnError)
	flags.SetOutput(stderr)
	s.Flags(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return s, exitDone, false
	case err != nil:
		return s, exitUsage, false
	}
	for _, text := range flags.Args() {
		r, err := forward.ParseRoute(text)
		if err != nil {
			fmt.Fprintln(stderr, "rehome-agent:", err)
			return s, exitUsage, false
		}
		s.Routes = append(s.Routes, r)
	}
	return s, exitDone, true
}
