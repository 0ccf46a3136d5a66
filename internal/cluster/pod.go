package cluster

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"rehome.dev/rehome/internal/migration"
)

// sidecarAnnotations are written by the mesh where it has injected its proxy.
// The runbook names the second; Istio itself writes the first.
var sidecarAnnotations = []string{"sidecar.istio.io/status", "inject.istio.io/status"}

const sidecarContainer = "istio-proxy"

// podFacts reads one pod; main is the container that bears the workload's name.
func podFacts(p *corev1.Pod, main string) migration.PodFacts {
	f := migration.PodFacts{
		Name: p.Name, Node: p.Spec.NodeName, Phase: string(p.Status.Phase),
		Image: runningImage(p, main), Sidecar: hasSidecar(p), Deleting: p.DeletionTimestamp != nil,
	}
	if p.Status.StartTime != nil {
		f.Started = p.Status.StartTime.UTC()
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			f.Ready = c.Status == corev1.ConditionTrue
		}
	}
	for _, s := range statuses(p) {
		f.Restarts += s.RestartCount
		last := s.LastTerminationState.Terminated
		if s.State.Terminated != nil && !finished(p, s) {
			last = s.State.Terminated
		}
		if last != nil && last.FinishedAt.After(f.LastRestart) {
			f.LastRestart, f.LastState = last.FinishedAt.UTC(), last.Reason
		}
	}
	return f
}

// statuses are those of all containers: a sidecar or an init container that
// restarts is as much a sign as the application's own.
func statuses(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses)
}

// finished says whether the container is an init container that has done its
// work: it ended, and that is how it should be.
func finished(p *corev1.Pod, s corev1.ContainerStatus) bool {
	return s.State.Terminated.ExitCode == 0 && slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == s.Name
	})
}

// runningImage is the digest that the container runtime reports, which is what
// runs, whatever the spec says.
func runningImage(p *corev1.Pod, main string) string {
	id := ""
	for i, s := range p.Status.ContainerStatuses {
		if i == 0 || s.Name == main {
			id = s.ImageID
		}
		if s.Name == main {
			break
		}
	}
	if d := migration.ImageDigest(id); d != "" {
		return d
	}
	if _, d, ok := strings.Cut(id, "://"); ok { // a runtime without a repository digest
		return d
	}
	return id
}

func hasSidecar(p *corev1.Pod) bool {
	for _, a := range sidecarAnnotations {
		if p.Annotations[a] != "" {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(p.Spec.InitContainers, p.Spec.Containers), func(c corev1.Container) bool {
		return c.Name == sidecarContainer
	})
}

// serves says whether the pod is ready and stays.
func serves(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
