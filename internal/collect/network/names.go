package network

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const (
	// askWait bounds one question to the resolver, asksWait all of them together.
	askWait  = time.Second
	asksWait = 5 * time.Second
	asksMost = 50
	asking   = 5 // at the same time
)

type name struct{ name, from string }

// names says what the peers are called: by /etc/hosts, or else by the resolver
// (PTR). No answer is no name, and holds nothing up.
func (c *Collector) names(ctx context.Context, s *scope.Scope) map[netip.Addr]name {
	found := map[netip.Addr]name{}
	hosts, _ := os.ReadFile(filepath.Join(s.Root, "etc/hosts"))
	known := parseHosts(hosts)
	ask := map[netip.Addr]bool{}
	for _, direction := range []inventory.Direction{inventory.Dialled, inventory.Accepted} {
		for k, p := range c.peers {
			if k.direction != direction || !k.addr.IsValid() {
				continue
			}
			switch called, is := known[k.addr]; {
			case is:
				found[k.addr] = name{inventory.Name(called), "hosts"}
			case !p.local && len(ask) < asksMost:
				ask[k.addr] = true
			}
		}
	}
	if resolv, err := os.ReadFile(filepath.Join(s.Root, "etc/resolv.conf")); err != nil || s.Root != "/" || !hasServer(resolv) {
		return found
	}
	maps.Copy(found, askAll(ctx, slices.Collect(maps.Keys(ask))))
	return found
}

func askAll(ctx context.Context, addrs []netip.Addr) map[netip.Addr]name {
	ctx, cancel := context.WithTimeout(ctx, asksWait)
	defer cancel()
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		found = map[netip.Addr]name{}
		turn  = make(chan struct{}, asking)
	)
	for _, addr := range addrs {
		all.Go(func() {
			select {
			case turn <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-turn }()
			ctx, cancel := context.WithTimeout(ctx, askWait)
			defer cancel()
			called, err := (&net.Resolver{PreferGo: true}).LookupAddr(ctx, addr.WithZone("").String())
			if err == nil && len(called) > 0 {
				mu.Lock()
				defer mu.Unlock()
				found[addr] = name{inventory.Name(strings.TrimSuffix(slices.Min(called), ".")), "ptr"}
			}
		})
	}
	all.Wait()
	return found
}

func hasServer(resolv []byte) bool {
	for line := range bytes.Lines(resolv) {
		if word := bytes.Fields(line); len(word) >= 2 && string(word[0]) == "nameserver" {
			return true
		}
	}
	return false
}

// parseHosts gives the first name of each address of hosts(5).
func parseHosts(data []byte) map[netip.Addr]string {
	found := map[netip.Addr]string{}
	for line := range bytes.Lines(data) {
		line, _ = cut(line, '#')
		word := strings.Fields(string(line))
		if len(word) < 2 {
			continue
		}
		if addr, err := netip.ParseAddr(word[0]); err == nil && found[addr.Unmap()] == "" {
			found[addr.Unmap()] = word[1]
		}
	}
	return found
}

// ownAddresses are the addresses of the machine as a process sees it.
func ownAddresses(s *scope.Scope, pid int) map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	if data, err := os.ReadFile(procFile(s, pid, "net/fib_trie")); err == nil {
		for _, a := range parseTrie(data) {
			own[a] = true
		}
	}
	if data, err := os.ReadFile(procFile(s, pid, "net/if_inet6")); err == nil {
		for line := range bytes.Lines(data) {
			if a, ok := parseInet6(line); ok {
				own[a] = true
			}
		}
	}
	return own
}

// parseTrie finds the local addresses in /proc/net/fib_trie: a leaf "|-- ADDRESS"
// and below it "/32 host LOCAL".
func parseTrie(data []byte) []netip.Addr {
	var found []netip.Addr
	var leaf netip.Addr
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if rest, is := strings.CutPrefix(text, "|-- "); is {
			leaf, _ = netip.ParseAddr(rest)
		} else if leaf.IsValid() && strings.HasSuffix(text, "host LOCAL") && !slices.Contains(found, leaf) {
			found = append(found, leaf)
		}
	}
	return found
}

// parseInet6 reads the address of a line of /proc/net/if_inet6.
func parseInet6(line []byte) (netip.Addr, bool) {
	text, _ := cut(line, ' ')
	if len(text) != 32 {
		return netip.Addr{}, false
	}
	var parts []string
	for i := 0; i < 32; i += 4 {
		parts = append(parts, string(text[i:i+4]))
	}
	a, err := netip.ParseAddr(strings.Join(parts, ":"))
	return a, err == nil
}
