package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

func fromUnstructured(m map[string]any, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(m, into)
}

// podsOf are the pods that the workload's selector selects, the oldest first.
func (c *Cluster) podsOf(ctx context.Context, o *unstructured.Unstructured) ([]corev1.Pod, error) {
	sel, err := selectorOf(o)
	if err != nil {
		return nil, fmt.Errorf("read the selector of %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	list, err := c.list(ctx, request{resource: pods, namespace: o.GetNamespace()}, sel.String())
	if err != nil {
		return nil, err
	}
	out := make([]corev1.Pod, len(list))
	for i := range list {
		pod, err := readPod(&list[i])
		if err != nil {
			return nil, err
		}
		out[i] = *pod
	}
	slices.SortFunc(out, func(a, b corev1.Pod) int {
		if d := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); d != 0 {
			return d
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return out, nil
}

func readPod(o *unstructured.Unstructured) (*corev1.Pod, error) {
	var pod corev1.Pod
	if err := fromUnstructured(o.Object, &pod); err != nil {
		return nil, fmt.Errorf("read pod %s: %w", o.GetName(), err)
	}
	return &pod, nil
}

func workloadFacts(o *unstructured.Unstructured, list []corev1.Pod) migration.WorkloadFacts {
	f := migration.WorkloadFacts{
		Name:       o.GetName(),
		Kind:       migration.Kind(o.GetKind()),
		Digest:     o.GetAnnotations()[manifest.DigestAnnotation],
		Generation: o.GetGeneration(),
		Image:      imageOf(o),
		Desired:    int32At(o, 1, "spec", "replicas"),
		Ready:      int32At(o, 0, "status", "readyReplicas"),
	}
	f.RolledOut, f.Status = rollout(o, list)
	for i := range list {
		f.Pods = append(f.Pods, podFacts(&list[i], o.GetName()))
	}
	return f
}

// rollout says whether the controller has seen the object as it is, and all its
// pods are of it and available; otherwise why not.
func rollout(o *unstructured.Unstructured, list []corev1.Pod) (bool, string) {
	seen, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if seen < o.GetGeneration() {
		return false, "not seen by its controller yet"
	}
	res, err := status.Compute(o)
	if err != nil {
		return false, cut(err.Error())
	}
	if res.Status == status.CurrentStatus {
		return true, ""
	}
	why := res.Message
	if w := refusal(o); w != "" {
		return false, cut(why + ": " + w)
	}
	for i := range list {
		if w := trouble(&list[i]); w != "" {
			return false, cut(why + ": " + w)
		}
	}
	return false, cut(why)
}

// refusal is why pods could not even be created: a quota, an admission webhook.
func refusal(o *unstructured.Unstructured) string {
	conds, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conds {
		m, ok := c.(map[string]any)
		if ok && m["type"] == "ReplicaFailure" && m["status"] == "True" {
			return fmt.Sprint(m["message"])
		}
	}
	return ""
}

// trouble is what keeps a pod from starting, beyond that it takes time.
func trouble(p *corev1.Pod) string {
	for _, cond := range p.Status.Conditions {
		if cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse {
			return fmt.Sprintf("pod %s: %s: %s", p.Name, cond.Reason, cond.Message)
		}
	}
	for _, s := range statuses(p) {
		w := s.State.Waiting
		if w == nil || w.Reason == "" || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing" {
			continue
		}
		return fmt.Sprintf("pod %s: container %s: %s: %s", p.Name, s.Name, w.Reason, w.Message)
	}
	return ""
}

// imageOf is the image that the template names for the workload's container.
func imageOf(o *unstructured.Unstructured) string {
	spec, _, _ := unstructured.NestedMap(o.Object, "spec", "template", "spec")
	main, _ := mainOf(spec, o.GetName())
	image, _ := main["image"].(string)
	return image
}

func int32At(o *unstructured.Unstructured, otherwise int32, path ...string) int32 {
	n, ok, err := unstructured.NestedInt64(o.Object, path...)
	if !ok || err != nil {
		return otherwise
	}
	return int32(n)
}
