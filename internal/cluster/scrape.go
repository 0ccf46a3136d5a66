package cluster

import (
	"context"
	"errors"
	"io"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// ReadyPods names the pods with these labels that traffic may reach: ready, and not
// about to go.
func (c *Cluster) ReadyPods(ctx context.Context, namespace, selector string) ([]string, error) {
	list, err := c.list(ctx, request{resource: pods, namespace: namespace}, selector)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range list {
		var p corev1.Pod
		if err := fromUnstructured(list[i].Object, &p); err != nil {
			return nil, err
		}
		if f := podFacts(&p, ""); f.Ready && !f.Deleting {
			out = append(out, p.Name)
		}
	}
	return out, nil
}

// ReadPod lets read what a pod answers at a port and path, through the API server, which
// is reached where the pod's own address is not. It needs to get pods/proxy.
func (c *Cluster) ReadPod(ctx context.Context, namespace, pod string, port int, path string, read func(io.Reader) error) error {
	r := request{verb: "get", resource: pods, namespace: namespace, name: pod}
	r.resource.Resource = "pods/proxy"
	return c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		p := &corev1.Pod{}
		p.Namespace, p.Name = namespace, pod+":"+strconv.Itoa(port)
		stream, err := podURL(conn.rest.Get(), p, "proxy").Suffix(path).SetHeader("Accept", "text/plain;version=0.0.4,text/plain;q=0.5").Stream(ctx)
		if err != nil {
			return err
		}
		return errors.Join(read(stream), stream.Close())
	})
}
