package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// wayTime is how long a cluster may take to give a Service its address, and to lead
// there.
const wayTime = time.Minute

// Forward leads to a port of one pod, until closed. It does not stand load.
func (b *Bench) Forward(ctx context.Context, p BenchPod, port int32) (string, func(), error) {
	return b.c.forwardTo(ctx, b.named(p), port)
}

// Address is where the workload's ready pods are reached through a Service: that of
// its exposure, where staging has one, and else one that is made for it.
func (b *Bench) Address(ctx context.Context, workload string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, wayTime)
	defer cancel()
	exposure, err := b.c.get(ctx, request{resource: services, namespace: b.ns, name: workload})
	if err != nil {
		return "", err
	}
	if exposure != nil && manifest.Ours(b.spec, exposure.GetLabels()) {
		if url, err := b.reached(ctx, exposure.GetName(), false); err == nil {
			return url, nil
		}
	}
	name := shortName(workload, "-drill")
	if err := b.makeService(ctx, workload, name); err != nil {
		return "", err
	}
	return b.reached(ctx, name, true)
}

func (b *Bench) makeService(ctx context.Context, workload, name string) error {
	w, ok := b.spec.Workload(workload)
	if !ok {
		return fmt.Errorf("there is no workload %q", workload)
	}
	var port *migration.Port
	for i := range w.Ports {
		if w.Ports[i].Protocol == "" || w.Ports[i].Protocol == "TCP" {
			port = &w.Ports[i]
			break
		}
	}
	if port == nil {
		return fmt.Errorf("workload %s has no TCP port", workload)
	}
	kind := "ClusterIP"
	if b.spec.Target.Exposure == migration.ExposeLoadBalancer {
		kind = "LoadBalancer"
	}
	selector := map[string]any{}
	for k, v := range manifest.Selector(b.spec, workload) {
		selector[k] = v
	}
	return b.create(ctx, services, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name, "namespace": b.ns, "labels": b.labels("drain-load")},
		"spec": map[string]any{
			"type": kind, "selector": selector,
			"ports": []any{map[string]any{"port": int64(port.Port), "targetPort": int64(port.Port), "protocol": "TCP"}},
		},
	}})
}

func (b *Bench) create(ctx context.Context, r schema.GroupVersionResource, o *unstructured.Unstructured) error {
	return b.c.call(ctx, request{verb: "create", resource: r, namespace: b.ns, name: o.GetName()}, func(ctx context.Context, conn *connection) error {
		made, err := conn.dynamic.Resource(r).Namespace(b.ns).Create(ctx, o, metav1.CreateOptions{FieldManager: FieldManager, FieldValidation: metav1.FieldValidationStrict})
		if err == nil {
			*o = *made
		}
		return err
	})
}

// reached is the URL at which a Service answers from here. Without wait it is only
// what answers at once.
func (b *Bench) reached(ctx context.Context, name string, wait bool) (string, error) {
	why := errors.New("it has no address")
	for {
		o, err := b.c.get(ctx, request{resource: services, namespace: b.ns, name: name})
		if err != nil {
			return "", err
		}
		if o == nil {
			return "", fmt.Errorf("Service %s: %w: it is not there", name, ErrNoWay)
		}
		var s corev1.Service
		if err := fromUnstructured(o.Object, &s); err != nil {
			return "", err
		}
		for _, address := range addressesOf(&s) {
			if err := dialTCP(ctx, address); err != nil {
				why = err
				continue
			}
			return "http://" + address, nil
		}
		if !wait {
			return "", ErrNoWay
		}
		if err := pause(ctx); err != nil {
			return "", fmt.Errorf("Service %s in namespace %s: %w: %w", name, b.ns, ErrNoWay, why)
		}
	}
}

// addressesOf are where a Service may be reached: from outside, and from within the
// cluster's network. Until a balancer has an address, the inner one alone says
// nothing of the way that clients take.
func addressesOf(s *corev1.Service) []string {
	if len(s.Spec.Ports) == 0 {
		return nil
	}
	port := strconv.Itoa(int(s.Spec.Ports[0].Port))
	var out []string
	for _, in := range s.Status.LoadBalancer.Ingress {
		for _, host := range []string{in.IP, in.Hostname} {
			if host != "" {
				out = append(out, net.JoinHostPort(host, port))
			}
		}
	}
	if s.Spec.Type == corev1.ServiceTypeClusterIP && s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone {
		out = append(out, net.JoinHostPort(s.Spec.ClusterIP, port))
	}
	return out
}

func dialTCP(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
