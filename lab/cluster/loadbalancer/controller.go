package loadbalancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// Config is all that the controller needs.
type Config struct {
	Kubeconfig string
	Interface  string
	First      netip.Addr
	Last       netip.Addr
	Log        io.Writer
}

// period is the time between two looks. The controller reads everything each time
// instead of watching: a few Services cost nothing, and no cache can be stale.
const period = 250 * time.Millisecond

var servicesResource = schema.GroupVersionResource{Version: "v1", Resource: "services"}

type controller struct {
	client dynamic.Interface
	link   link
	pool   pool
	log    io.Writer
	said   string
}

// Run works until ctx ends. It outlives an API server that is away: what was given
// stays given, and it says once what is wrong.
func Run(ctx context.Context, c Config) error {
	rest, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	rest.Timeout = 5 * time.Second
	client, err := dynamic.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	ctl := &controller{client: client, link: link{c.Interface}, pool: pool{c.First, c.Last}, log: c.Log}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		ctl.say(ctl.reconcile(ctx))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// say reports a change of mood, not each of four failures a second.
func (c *controller) say(err error) {
	now := "all is well"
	if err != nil {
		now = err.Error()
	}
	if now != c.said {
		fmt.Fprintln(c.log, time.Now().UTC().Format(time.RFC3339), now)
		c.said = now
	}
}

// reconcile answers for an address before it is announced, so that nobody is ever
// sent to one that does not answer.
func (c *controller) reconcile(ctx context.Context) error {
	list, err := c.client.Resource(servicesResource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	var services []service
	for i := range list.Items {
		services = append(services, read(&list.Items[i]))
	}
	want := assign(services, c.pool)
	if err := c.link.settle(ctx, want, c.pool); err != nil {
		return err
	}
	var errs []error
	for _, s := range services {
		errs = append(errs, c.announce(ctx, s, want))
	}
	for _, key := range want.starved {
		errs = append(errs, fmt.Errorf("no address is left for %s", key))
	}
	return errors.Join(errs...)
}

// announce writes status.loadBalancer where it is not as it should be. That of a
// Service that is no longer ours is cleared only if the address came from here.
func (c *controller) announce(ctx context.Context, s service, want assignment) error {
	addr, has := want.addresses[s.key()]
	var ingress []map[string]string
	switch {
	case has && (len(s.ingress) != 1 || s.ingress[0] != addr):
		ingress = []map[string]string{{"ip": addr.String()}}
	case !has && len(s.ingress) > 0 && c.pool.contains(s.ingress[0]):
	default:
		return nil
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"loadBalancer": map[string]any{"ingress": ingress}}})
	if err != nil {
		return err
	}
	_, err = c.client.Resource(servicesResource).Namespace(s.namespace).
		Patch(ctx, s.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "lab-lb-controller"}, "status")
	if err != nil {
		return fmt.Errorf("announce the address of %s: %w", s.key(), err)
	}
	fmt.Fprintln(c.log, time.Now().UTC().Format(time.RFC3339), s.key(), "has", ingress)
	return nil
}

func read(u *unstructured.Unstructured) service {
	kind, _, _ := unstructured.NestedString(u.Object, "spec", "type")
	class, _, _ := unstructured.NestedString(u.Object, "spec", "loadBalancerClass")
	s := service{
		namespace: u.GetNamespace(), name: u.GetName(),
		wanted: kind == "LoadBalancer" && class == "" && u.GetDeletionTimestamp() == nil,
	}
	ingress, _, _ := unstructured.NestedSlice(u.Object, "status", "loadBalancer", "ingress")
	for _, entry := range ingress {
		fields, _ := entry.(map[string]any)
		text, _ := fields["ip"].(string)
		addr, _ := netip.ParseAddr(text) // a name or nonsense is the zero Addr: not ours
		s.ingress = append(s.ingress, addr)
	}
	return s
}
