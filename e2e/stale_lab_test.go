//go:build lab

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rehome.dev/rehome/lab/demo"
)

// stale is a client that has asked for the address once and never asks again. Each of
// its requests has a connection of its own.
type stale struct {
	stop func()
	done sync.WaitGroup
	seen []answer
}

// answer is what one request got: who answered, and whether it was what was asked for.
type answer struct {
	at time.Time
	by string // X-Served-By; "" is nobody
	ok bool
}

// stays starts such a client at the balancer's address.
func (m *move) stays(address string) *stale {
	ctx, cancel := context.WithCancel(m.t.Context())
	c := &stale{stop: cancel}
	url := fmt.Sprintf("http://%s:8080/accounts", address)
	c.done.Go(func() {
		web := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			c.seen = append(c.seen, askOnce(ctx, web, url))
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	m.t.Cleanup(cancel)
	return c
}

func askOnce(ctx context.Context, web *http.Client, url string) answer {
	a := answer{at: time.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return a
	}
	resp, err := web.Do(req)
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	a.by, a.ok = resp.Header.Get("X-Served-By"), resp.StatusCode == http.StatusOK
	return a
}

// ends gives what it got, without the request that its own end broke off.
func (c *stale) ends() []answer {
	c.stop()
	c.done.Wait()
	return c.seen[:max(0, len(c.seen)-1)]
}

// recovered demands that a client with a stale answer was led back by the cluster: it
// met the bad release, and from soon after the verdict on the VM alone, also when the
// new side was gone.
func (m *move) recovered(seen []answer, verdict time.Time) {
	m.t.Helper()
	var failed, elsewhere time.Time // the last that failed, the last that the VM did not answer
	failures, alone := 0, 0
	for _, a := range seen {
		if !a.ok {
			failures++
			failed = a.at
		}
		alone++
		if a.by != "vm" {
			elsewhere, alone = a.at, 0
		}
	}
	m.t.Logf("a client with a stale answer sent %d requests, %d failed, the last %.2f s after the verdict; the last that the VM did not answer was %.2f s after it, and %d followed",
		len(seen), failures, failed.Sub(verdict).Seconds(), elsewhere.Sub(verdict).Seconds(), alone)
	if failures == 0 {
		m.t.Error("it never met the bad release: this shows nothing")
	}
	// the five seconds that the turn has before the names go ahead
	if late := elsewhere.Sub(verdict); late > 5*time.Second {
		m.t.Errorf("it was still led to the new side %s after the verdict", late)
	}
	if alone < 50 {
		m.t.Errorf("only the last %d requests were answered by the VM", alone)
	}
	if leads := m.kubectl(m.Branch.Namespace, "get", "service", demo.Name, "-o", "jsonpath={.spec.selector.app\\.kubernetes\\.io/name}"); leads != demo.Name+"-return-path" {
		m.t.Errorf("the Service selects %q at the end", leads)
	}
}
