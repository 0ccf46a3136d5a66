package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// BenchEnding is how the application's process ended.
type BenchEnding struct {
	Seen   bool
	Code   int32
	Reason string
	Took   time.Duration
}

// End deletes the pod, and watches it until it is gone: how its process ended
// stands in its status only for a moment before that.
func (b *Bench) End(ctx context.Context, p BenchPod) (BenchEnding, error) {
	pod, err := b.pod(ctx, p)
	if err != nil {
		return BenchEnding{}, err
	}
	began := time.Now()
	if err := b.c.deleteSame(ctx, request{resource: pods, namespace: b.ns, name: p.Name}, pod.UID); err != nil {
		return BenchEnding{}, err
	}
	var end BenchEnding
	version := pod.ResourceVersion
	for {
		gone, err := b.watchEnd(ctx, p, &version, &end)
		if err != nil {
			return end, err
		}
		if gone {
			end.Took = time.Since(began)
			return end, nil
		}
	}
}

// watchEnd watches for as long as one request may last, from a version on.
func (b *Bench) watchEnd(ctx context.Context, p BenchPod, version *string, end *BenchEnding) (gone bool, err error) {
	seconds := max(int64(b.c.timeout/time.Second)/2, 1)
	r := request{verb: "watch", resource: pods, namespace: b.ns, name: p.Name}
	err = b.c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		w, err := conn.dynamic.Resource(pods).Namespace(b.ns).Watch(ctx, metav1.ListOptions{
			FieldSelector: "metadata.name=" + p.Name, ResourceVersion: *version, TimeoutSeconds: &seconds,
		})
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			*version = "" // what was missed is missed: the state now is told first
			return nil
		}
		if err != nil {
			return err
		}
		defer w.Stop()
		for e := range w.ResultChan() {
			o, ok := e.Object.(*unstructured.Unstructured)
			if e.Type == watch.Error || !ok {
				if err := apierrors.FromObject(e.Object); apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
					*version = ""
					return nil
				}
				return apierrors.FromObject(e.Object)
			}
			*version = o.GetResourceVersion()
			if string(o.GetUID()) != p.UID {
				gone = true
				return nil
			}
			pod, err := readPod(o)
			if err != nil {
				return err
			}
			end.take(pod, p.Container)
			if e.Type == watch.Deleted {
				gone = true
				return nil
			}
		}
		return nil
	})
	if gone || err != nil {
		return gone, err
	}
	_, err = b.pod(ctx, p)
	return errors.Is(err, ErrGone), ignoreGone(err)
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

func (e *BenchEnding) take(p *corev1.Pod, container string) {
	for _, s := range p.Status.ContainerStatuses {
		if t := s.State.Terminated; s.Name == container && t != nil {
			e.Seen, e.Code, e.Reason = true, t.ExitCode, t.Reason
		}
	}
}

// benchLogLimit bounds what of one log is read, in bytes.
const benchLogLimit = 8 << 20

// Log is what the application's container has written.
func (b *Bench) Log(ctx context.Context, p BenchPod) ([]byte, error) {
	return b.c.readLog(ctx, b.named(p), p.Container, benchLogLimit, nil)
}

// BenchUsage is what the application's container had written, in bytes.
type BenchUsage struct {
	At      time.Time
	Root    uint64
	Log     uint64
	Volumes map[string]uint64
}

// summary is the part that is read of what a kubelet tells, the types of
// k8s.io/kubelet/pkg/apis/stats/v1alpha1.
type summary struct {
	Pods []struct {
		PodRef     struct{ Name, Namespace, UID string }
		Containers []struct {
			Name         string
			Rootfs, Logs *fsStats
		}
		Volume []struct {
			Name      string
			UsedBytes *uint64
		}
	}
}

type fsStats struct {
	Time      time.Time
	UsedBytes *uint64
}

// Usage asks the pod's node, through the API server, what was written. It takes
// get on nodes/proxy.
func (b *Bench) Usage(ctx context.Context, p BenchPod) (BenchUsage, error) {
	nodes := schema.GroupVersionResource{Version: "v1", Resource: "nodes/proxy"}
	var text []byte
	err := b.c.call(ctx, request{verb: "get", resource: nodes, name: p.Node}, func(ctx context.Context, conn *connection) error {
		var err error
		text, err = conn.rest.Get().AbsPath("/api/v1/nodes", url.PathEscape(p.Node), "proxy/stats/summary").DoRaw(ctx)
		return err
	})
	if err != nil {
		return BenchUsage{}, err
	}
	var s summary
	if err := json.Unmarshal(text, &s); err != nil {
		return BenchUsage{}, fmt.Errorf("read what node %s measured: %w", p.Node, err)
	}
	for _, pod := range s.Pods {
		if pod.PodRef.UID != p.UID {
			continue
		}
		out := BenchUsage{Volumes: map[string]uint64{}}
		for _, v := range pod.Volume {
			if v.UsedBytes != nil {
				out.Volumes[v.Name] = *v.UsedBytes
			}
		}
		for _, c := range pod.Containers {
			if c.Name == p.Container && c.Rootfs != nil && c.Rootfs.UsedBytes != nil {
				out.At, out.Root = c.Rootfs.Time, *c.Rootfs.UsedBytes
				if c.Logs != nil && c.Logs.UsedBytes != nil {
					out.Log = *c.Logs.UsedBytes
				}
				return out, nil
			}
		}
	}
	return BenchUsage{}, fmt.Errorf("node %s has not measured pod %s yet", p.Node, p.Name)
}
