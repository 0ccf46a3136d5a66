package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
)

// DefaultRate is what the lab's own client sends, in requests per second.
const DefaultRate = 100

// DefaultLoad is steady load on the lab's service.
func DefaultLoad() Load {
	return Load{
		URL:      urlOf(branch.Head),
		Resolver: network.Resolver.Address.String() + ":53",
		Rate:     DefaultRate, Timeout: 2 * time.Second,
	}
}

func urlOf(b branch.Branch) string {
	return "http://" + strings.TrimSuffix(b.Service(), ".") + ":8080/"
}

// Main is the command `lab client`. It runs in the network namespace that it is
// started in. Without --out the seconds go to stdout and the summary to the end of
// it; with it, only the summary.
func Main(ctx context.Context, args []string, stdout io.Writer) (err error) {
	l := DefaultLoad()
	flags := flag.NewFlagSet("lab client", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.StringVar(&l.URL, "url", l.URL, "what to ask for")
	flags.StringVar(&l.Resolver, "resolver", l.Resolver, "`host:port` of the name server to ask for each request")
	flags.IntVar(&l.Rate, "rate", l.Rate, "requests per second")
	flags.DurationVar(&l.For, "for", 0, "how long; 0 is until interrupted")
	flags.DurationVar(&l.Timeout, "timeout", l.Timeout, "of one request, the lookup included")
	file := flags.String("out", "", "`file` to append one line of JSON per second to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	out := stdout
	if *file != "" {
		f, err := os.OpenFile(*file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("open the file of counts: %w", err)
		}
		defer f.Close()
		out = f
	}
	total, err := Run(ctx, l, out)
	if total.Sent > 0 {
		fmt.Fprintln(stdout, Summary(total))
	}
	return err
}

// Summary is a sum in one line.
func Summary(total Second) string {
	line := fmt.Sprintf("%d sent, %d ok", total.Sent, total.OK)
	for _, by := range slices.Sorted(maps.Keys(total.By)) {
		line += fmt.Sprintf("; %d answered by %s", total.By[by], by)
		if failed := total.FailedBy[by]; failed > 0 {
			line += fmt.Sprintf(" (%d failed)", failed)
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(total.Errors)) {
		line += fmt.Sprintf("; %d %s", total.Errors[cause], cause)
	}
	return line
}
