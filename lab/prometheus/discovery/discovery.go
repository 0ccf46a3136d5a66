// Package discovery tells Prometheus about the application's pods through a file,
// because Debian builds Prometheus without its discovery in Kubernetes. It knows
// where pods are, not what they serve.
package discovery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/prometheus"
)

// Config says which pods, and where they are written down.
type Config struct {
	Kubeconfig string
	Namespace  string // empty: all
	Selector   string // label selector
	Port       string // on which pods serve their metrics
	File       string
	Log        io.Writer
}

// period is the time between two looks. Prometheus itself takes five to ten seconds
// to act upon a change.
const period = 500 * time.Millisecond

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// Run keeps the file up to date until ctx ends. While the API server is away the
// file stays as it is: pods live on without it.
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
	tick := time.NewTicker(period)
	defer tick.Stop()
	var written []prometheus.Group
	said := ""
	for first := true; ; first = false {
		found, err := look(ctx, client, c)
		if err == nil && (first || !slices.EqualFunc(written, found, same)) {
			if err = write(c.File, found); err == nil {
				written = found
			}
		}
		if now := mood(err, written); now != said {
			fmt.Fprintln(c.Log, time.Now().UTC().Format(time.RFC3339), now)
			said = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func mood(err error, written []prometheus.Group) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d pods", len(written))
}

func look(ctx context.Context, client dynamic.Interface, c Config) ([]prometheus.Group, error) {
	list, err := client.Resource(pods).Namespace(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: c.Selector})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	return groups(list.Items, c.Port), nil
}

// groups has one group per pod that has an address and has not ended, by name and namespace.
func groups(pods []unstructured.Unstructured, port string) []prometheus.Group {
	found := []prometheus.Group{} // not nil: the file must hold a list
	for _, pod := range pods {
		address, _, _ := unstructured.NestedString(pod.Object, "status", "podIP")
		phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
		if address == "" || phase == "Succeeded" || phase == "Failed" {
			continue
		}
		found = append(found, prometheus.Group{
			Targets: []string{net.JoinHostPort(address, port)},
			Labels:  map[string]string{"pod": pod.GetName(), "namespace": pod.GetNamespace()},
		})
	}
	slices.SortFunc(found, func(a, b prometheus.Group) int {
		return cmp.Or(cmp.Compare(a.Labels["pod"], b.Labels["pod"]), cmp.Compare(a.Labels["namespace"], b.Labels["namespace"]))
	})
	return found
}

func same(a, b prometheus.Group) bool {
	return slices.Equal(a.Targets, b.Targets) && maps.Equal(a.Labels, b.Labels)
}

func write(file string, found []prometheus.Group) error {
	text, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("write the targets: %w", err)
	}
	if err := part.WriteFile(file, text, os.FileMode(0o644)); err != nil {
		return fmt.Errorf("write the targets: %w", err)
	}
	return nil
}
