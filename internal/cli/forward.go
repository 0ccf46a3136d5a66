package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/forward"
)

func (p *Program) forwardCommand() *cobra.Command {
	s := forward.Defaults()
	var dry bool
	c := &cobra.Command{
		Use:   "forward ROUTE...",
		Short: "Lead connections on: the way back to the old entry, or from a machine to the cluster",
		Long: `Listens, and leads each connection to one of the addresses that its route names, until it is
told to end. It is what the pods of the return path run (as rehome-agent forward, with the
same flags), and what a machine runs for clients that never ask for a name again.

A ROUTE is LISTEN=SCHEME://HOST:PORT[,HOST:PORT...][?KEY=VALUE[&KEY=VALUE...]].
LISTEN is a port, or ADDRESS:PORT. The schemes are

    tcp     bytes as they come; the client's TLS and its server name are untouched
    tls     the same within TLS to the target
    http    requests of HTTP/1.1, with X-Forwarded-For, -Host and -Proto
    https   the same within TLS

and the keys

    sni=NAME                name to send and to verify (default the host)
    ca=FILE                 CAs to trust instead of the system's
    pin=SHA256              the one certificate to trust, instead of a CA
    proxy=v1|v2             begin with a header of the PROXY protocol (tcp, tls)
    accept=proxy            demand such a header of each connection
    forwarded=replace|none  drop the X-Forwarded headers that came, or write none (default append)
    rfc7239=on              write the header Forwarded too

Names are resolved again and again, and keep their last good answer. Targets get connections
in turn; where one takes none, the next is tried at once. The first signal to end makes it not
ready, and lets open connections end; the second one cuts them.`,
		Example: `  rehome forward --leads-to old 8080=tcp://10.77.0.20:8080,10.77.0.21:8080
  rehome forward --leads-to old "8443=tls://old-entry.golemtrust.am:443?sni=royal-bank-api.golemtrust.am&ca=ca.pem"
  rehome forward --leads-to new 8080=tcp://10.77.0.100:80
  rehome forward --dry-run 8080=http://old-entry.golemtrust.am:8080`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, text := range args {
				r, err := forward.ParseRoute(text)
				if err != nil {
					return usage("%w", err).with("write it like 8080=tcp://old-entry.example.com:8080; rehome forward --help tells the rest")
				}
				s.Routes = append(s.Routes, r)
			}
			s.Version = thisVersion().Version
			return p.forward(cmd.Context(), s, dry)
		},
	}
	set := flag.NewFlagSet("forward", flag.ContinueOnError)
	s.Flags(set)
	c.Flags().AddGoFlagSet(set)
	c.Flags().BoolVar(&dry, "dry-run", false, "try each target once, say what would be led where, and listen nowhere")
	_ = c.RegisterFlagCompletionFunc("leads-to", cobra.FixedCompletions([]string{forward.LeadsToOld, forward.LeadsToNew}, cobra.ShellCompDirectiveNoFileComp))
	c.AddCommand(p.forwardImageCommand())
	return c
}

func (p *Program) forward(ctx context.Context, s forward.Settings, dry bool) error {
	if dry {
		return p.forwardTried(ctx, s)
	}
	s.Say = func(format string, args ...any) { p.say(format, args...) }
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, ended := make(chan struct{}), make(chan struct{})
	defer close(ended)
	go func() {
		for _, then := range []func(){func() { close(stop) }, cancel} {
			select {
			case <-p.Stop:
				then()
			case <-ended:
				return
			}
		}
	}()
	return forwardFailed(forward.Run(ctx, s, stop))
}

// tried is the answer of a dry run.
type tried struct {
	OK     bool                  `json:"ok"`
	Routes []forward.RouteReport `json:"routes"`
}

func (p *Program) forwardTried(ctx context.Context, s forward.Settings) error {
	routes, err := forward.Try(ctx, s)
	if err != nil {
		return forwardFailed(err)
	}
	out := tried{OK: true, Routes: routes}
	for _, r := range routes {
		up := false
		for _, t := range r.Targets {
			up = up || t.Up
		}
		out.OK = out.OK && up
	}
	err = p.emit(out, func(w io.Writer) { p.triedText(w, out) })
	if err == nil && !out.OK {
		return silent(CodeError)
	}
	return err
}

func (p *Program) triedText(w io.Writer, all tried) {
	for _, r := range all.Routes {
		fmt.Fprintf(w, "%s (%s)\n", r.Listen, r.Scheme)
		if len(r.Targets) == 0 {
			fmt.Fprintf(w, "  %s no address is known\n", p.paint(styleBad, "leads nowhere:"))
		}
		for _, t := range r.Targets {
			of := ""
			if t.Of != t.Address {
				of = ", of " + t.Of
			}
			if t.Up {
				fmt.Fprintf(w, "  %s%s: %s\n", t.Address, of, p.paint(styleGood, "takes connections"))
				continue
			}
			fmt.Fprintf(w, "  %s%s: %s %s\n", t.Address, of, p.paint(styleBad, "takes none:"), t.Why)
		}
	}
	if !all.OK {
		fmt.Fprintln(w, "A route leads nowhere: where it listened, clients would be refused.")
	}
}

// forwardFailed says what helps.
func forwardFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, forward.ErrSettings):
		return usage("%w", err).with("rehome forward --help")
	case errors.Is(err, forward.ErrSelf):
		return failed("%w", err).with("name the entry before the move, not the address or name that now leads here")
	case errors.Is(err, forward.ErrTaken):
		return failed("%w", err).with("ss -ltnp tells who listens there; stop it, or listen at another port")
	}
	return failed("%w", err)
}
