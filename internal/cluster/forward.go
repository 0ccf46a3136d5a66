package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"

	"rehome.dev/rehome/internal/migration"
)

// Forward opens a port on the loopback interface that leads to the first port
// of the workload's newest ready pod. It is for smoke tests: a port-forward
// does not stand load, and ends with its pod. ctx bounds the opening alone;
// closed ends it, and may be called more than once.
func (c *Cluster) Forward(ctx context.Context, spec migration.Spec, env migration.Env, workload string) (string, func(), error) {
	w, ok := spec.Workload(workload)
	if !ok || len(w.Ports) == 0 {
		return "", nil, fmt.Errorf("forward: workload %q has no port", workload)
	}
	pod, err := c.readyPod(ctx, spec, env, workload)
	if err != nil {
		return "", nil, err
	}
	return c.forwardTo(ctx, pod, w.Ports[0].Port)
}

func (c *Cluster) readyPod(ctx context.Context, spec migration.Spec, env migration.Env, workload string) (*corev1.Pod, error) {
	ns := spec.Namespace(env)
	o, err := c.findWorkload(ctx, spec, ns, workload)
	if err != nil {
		return nil, err
	}
	if o != nil {
		list, err := c.podsOf(ctx, o)
		if err != nil {
			return nil, err
		}
		for i := len(list) - 1; i >= 0; i-- {
			if serves(&list[i]) {
				return &list[i], nil
			}
		}
	}
	return nil, fmt.Errorf("forward: no ready pod of workload %s in namespace %s", workload, ns)
}

// forwardTo leads to a port of one pod, of which namespace and name are enough.
func (c *Cluster) forwardTo(ctx context.Context, pod *corev1.Pod, port int32) (string, func(), error) {
	conn, err := c.connect()
	if err != nil {
		return "", nil, err
	}
	r := request{verb: "create", resource: pods, namespace: pod.Namespace, name: pod.Name}
	r.resource.Resource = "pods/portforward"
	local, closed, err := c.forward(ctx, conn, pod, port)
	if err != nil {
		return "", nil, c.explain(r, conn.config.Host, err)
	}
	return "http://127.0.0.1:" + strconv.Itoa(local), closed, nil
}

func (c *Cluster) forward(ctx context.Context, conn *connection, pod *corev1.Pod, port int32) (int, func(), error) {
	// The library logs every reset connection; the smoke test reports it itself.
	run, stop := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	dialer, err := forwardDialer(conn, pod)
	if err != nil {
		stop()
		return 0, nil, err
	}
	ready := make(chan struct{})
	fw, err := portforward.NewOnAddressesForStreamingWithContext(run, dialer, []string{"127.0.0.1"},
		[]string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		stop()
		return 0, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- fw.ForwardPorts(); close(ended) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case <-ready:
	case err := <-ended:
		stop()
		if err == nil {
			err = errors.New("the port-forward ended before it was ready")
		}
		return 0, nil, err
	case <-ctx.Done():
		stop()
		return 0, nil, ctx.Err()
	}
	ports, err := fw.GetPorts()
	if err != nil {
		stop()
		return 0, nil, err
	}
	var once sync.Once
	return int(ports[0].Local), func() { once.Do(func() { stop(); <-ended }) }, nil //nolint:errcheck // it ends because it was told to
}

// forwardDialer speaks WebSocket, as current servers do, and falls back to SPDY
// where the server, or a proxy before it, does not.
func forwardDialer(conn *connection, pod *corev1.Pod) (httpstream.Dialer, error) {
	target := podURL(conn.rest.Post(), pod, "portforward").URL()
	// The deadline of ordinary requests would cut the stream.
	config := rest.CopyConfig(conn.config)
	config.Timeout = 0
	ws, err := portforward.NewSPDYOverWebsocketDialerForStreamingWithLogger(logr.Discard(), target, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	return portforward.NewFallbackDialerForStreaming(ws, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

func podURL(r *rest.Request, pod *corev1.Pod, subresource string) *rest.Request {
	return r.AbsPath("/api/v1/namespaces", url.PathEscape(pod.Namespace), "pods", url.PathEscape(pod.Name), subresource)
}
