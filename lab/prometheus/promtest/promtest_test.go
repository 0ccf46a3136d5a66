package promtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"rehome.dev/rehome/lab/prometheus/promtest"
)

func counter(t *testing.T) (*httptest.Server, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} %d\n", n.Load())
	}))
	t.Cleanup(s.Close)
	return s, &n
}

func TestScrapesTargetsAndFollowsThem(t *testing.T) {
	vm, served := counter(t)
	pod, podServed := counter(t)
	s := promtest.Start(t, promtest.Target{Job: "vm", URL: vm.URL}, promtest.Target{Job: "pods", URL: pod.URL, Labels: map[string]string{"pod": "a"}})
	served.Store(7)
	podServed.Store(3)
	s.Await(`http_requests_total{job="vm"}`, 7)
	s.Await(`http_requests_total{job="pods",pod="a"}`, 3)

	next, nextServed := counter(t)
	nextServed.Store(5)
	s.SetTargets(promtest.Target{Job: "vm", URL: vm.URL}, promtest.Target{Job: "pods", URL: next.URL, Labels: map[string]string{"pod": "b"}})
	s.Await(`http_requests_total{job="pods",pod="b"}`, 5)
	s.Await(`count(http_requests_total{job="pods",pod="b"})`, 1)
}

func TestKeepsItsSeriesOverARestart(t *testing.T) {
	vm, served := counter(t)
	served.Store(7)
	s := promtest.Start(t, promtest.Target{Job: "vm", URL: vm.URL})
	s.Await(`http_requests_total{job="vm"}`, 7)
	s.Stop()
	if _, err := http.Get(s.URL); err == nil {
		t.Error("a stopped Prometheus answers")
	}
	served.Store(9)
	s.Restart()
	s.Await(`http_requests_total{job="vm"}`, 9)
	s.Await(`min_over_time(http_requests_total{job="vm"}[1m])`, 7)
}
