package drill

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

// dial dials, from a pod, every peer that the machines were seen to dial.
func (t *trial) dial(ctx context.Context) outcome {
	const remedy = "take the facts of the machines again, under load and for longer"
	if len(t.machines.Machines) == 0 {
		return unknown("There are no facts of the machines, so nobody knows whom they dial.", remedy)
	}
	list, aside, gaps := peersOf(t.machines)
	if len(gaps) > 0 {
		return unknown("Not all that the machines dial was seen.", remedy, gaps...)
	}
	if len(list) == 0 {
		return pass("The machines were not seen to dial anybody over TCP.", aside...)
	}
	pods, err := t.whole(ctx)
	if err != nil {
		return cannot("the pods are not ready", err)
	}
	run, err := t.enter(ctx, pods[0])
	if err != nil {
		return blind(err)
	}
	answers, err := run.dial(ctx, list)
	if err != nil {
		return cannot("dial from pod "+pods[0].Name, err)
	}
	var good, bad []string
	for _, a := range answers {
		if a.Err != "" {
			bad = append(bad, fmt.Sprintf("%s: %s", a.Address, a.Err))
			continue
		}
		good = append(good, fmt.Sprintf("%s: answered within %s", a.Address, (time.Duration(a.Micros)*time.Microsecond).Round(10*time.Microsecond)))
	}
	switch {
	case len(bad) > 0:
		return fail(fmt.Sprintf("%d of %d peers that the machines dial cannot be reached from pod %s.", len(bad), len(list), pods[0].Name),
			"open the way: network policies, firewalls by address, names that only the machine's /etc/hosts knows", slices.Concat(bad, good, aside)...)
	case len(answers) < len(list):
		return unknown("Not every peer was dialled.", "make the drill again", slices.Concat(good, aside)...)
	}
	return pass(fmt.Sprintf("%s that the machines dial can be reached from pod %s.", plural(len(list), "peer", "peers"), pods[0].Name), slices.Concat(good, aside)...)
}

// peersOf are the TCP peers that the machines dial, host:port as it is configured
// where that is known; aside are those that cannot be tried this way, and gaps what
// was not seen.
func peersOf(r inventory.Report) (list, aside, gaps []string) {
	for _, f := range r.Machines {
		if ok, why := f.Saw(inventory.SubjectPeers); !ok {
			gaps = append(gaps, fmt.Sprintf("%s: %s", f.Target, why))
		}
		for _, p := range f.Peers {
			if p.Direction != inventory.Dialled {
				continue
			}
			address := net.JoinHostPort(nameOf(p), strconv.Itoa(p.Port))
			switch {
			case p.Local:
				aside = append(aside, fmt.Sprintf("%s is on the machine itself, and was not dialled", address))
			case !strings.HasPrefix(p.Protocol, "tcp"):
				aside = append(aside, fmt.Sprintf("%s is %s: whether anybody answers there cannot be tried", address, p.Protocol))
			case p.Address == "*":
				gaps = append(gaps, fmt.Sprintf("%s: more peers than are listed", f.Target))
			default:
				list = append(list, address)
			}
		}
	}
	for _, l := range []*[]string{&list, &aside} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	return list, aside, gaps
}

// nameOf is what the application calls its peer. What a reverse lookup says is
// nobody's configuration.
func nameOf(p inventory.Peer) string {
	if p.Name != "" && p.NameFrom != "ptr" {
		return p.Name
	}
	return p.Address
}
