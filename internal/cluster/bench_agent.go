package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
)

const (
	// agentPrefix begins the names of the agent's containers.
	agentPrefix = "rehome-agent-"
	// agentProgram is where the agent's image has its program.
	agentProgram = "/rehome-agent"
	// agentStart bounds the pull of its image and its start.
	agentStart = 2 * time.Minute
	// agentCommand bounds one command.
	agentCommand = time.Minute
	// agentOutput bounds what a command may write, in bytes.
	agentOutput = 64 << 20
)

// Enter starts the agent in the pod, beside the application: with its network, and
// with the mounts of its container, which are read-only for the agent. One that
// still has half of its life before it is used again. It gives a way to run the
// agent's commands; what they write goes nowhere else, not even to the pod's log.
func (b *Bench) Enter(ctx context.Context, p BenchPod, image string, life time.Duration) (func(context.Context, ...string) ([]byte, error), error) {
	pod, err := b.pod(ctx, p)
	if err != nil {
		return nil, err
	}
	name := agentIn(pod, image, time.Now().Add(-life/2))
	if name == "" {
		name = agentPrefix + rand.String(5)
		if err := b.addAgent(ctx, pod, p.Container, name, image, life); err != nil {
			return nil, err
		}
		if err := b.awaitAgent(ctx, p, name); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, args ...string) ([]byte, error) {
		return b.exec(ctx, p, name, append([]string{agentProgram}, args...))
	}, nil
}

// agentIn is the agent's container that was started after a time and still runs.
func agentIn(p *corev1.Pod, image string, after time.Time) string {
	for _, c := range p.Spec.EphemeralContainers {
		if !strings.HasPrefix(c.Name, agentPrefix) || c.Image != image {
			continue
		}
		for _, s := range p.Status.EphemeralContainerStatuses {
			if s.Name == c.Name && s.State.Running != nil && s.State.Running.StartedAt.After(after) {
				return c.Name
			}
		}
	}
	return ""
}

// addAgent writes the ephemeral container. It has no more rights than an
// application may have, and its user is the application's where the pod names one.
func (b *Bench) addAgent(ctx context.Context, pod *corev1.Pod, container, name, image string, life time.Duration) error {
	main := mainContainer(pod, container)
	if main == nil {
		return fmt.Errorf("pod %s has no container", pod.Name)
	}
	yes, no := true, false
	security := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if s := main.SecurityContext; s != nil {
		security.RunAsUser, security.RunAsGroup = s.RunAsUser, s.RunAsGroup
	}
	c := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: name, Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{agentProgram, "wait", life.String()}, SecurityContext: security,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}}
	for _, m := range main.VolumeMounts {
		if m.SubPath != "" || m.SubPathExpr != "" { // which an ephemeral container cannot have
			continue
		}
		m.ReadOnly = true
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []any{c}}})
	if err != nil {
		return fmt.Errorf("write the agent's container: %w", err)
	}
	r := request{verb: "patch", resource: pods, namespace: b.ns, name: pod.Name}
	r.resource.Resource = "pods/ephemeralcontainers"
	return b.c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		_, err := conn.dynamic.Resource(pods).Namespace(b.ns).Patch(ctx, pod.Name, types.StrategicMergePatchType, body,
			metav1.PatchOptions{FieldManager: FieldManager}, "ephemeralcontainers")
		return err
	})
}

// awaitAgent returns when the container runs.
func (b *Bench) awaitAgent(ctx context.Context, p BenchPod, name string) error {
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	why := "nobody has looked at it yet"
	for {
		pod, err := b.pod(ctx, p)
		if err != nil {
			return err
		}
		for _, s := range pod.Status.EphemeralContainerStatuses {
			switch {
			case s.Name != name:
			case s.State.Running != nil:
				return nil
			case s.State.Terminated != nil:
				return fmt.Errorf("the agent in pod %s has ended: %s, exit code %d", p.Name, s.State.Terminated.Reason, s.State.Terminated.ExitCode)
			case s.State.Waiting != nil:
				why = cut(s.State.Waiting.Reason + " " + s.State.Waiting.Message)
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the agent in pod %s does not start: %s: %w", p.Name, why, err)
		}
	}
}

// exec runs a command in a container and gives what it has written to its standard
// output. Where it failed, the error has the end of its standard error.
func (b *Bench) exec(ctx context.Context, p BenchPod, container string, argv []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, agentCommand)
	defer cancel()
	conn, err := b.c.connect()
	if err != nil {
		return nil, err
	}
	r := request{verb: "create", resource: pods, namespace: b.ns, name: p.Name}
	r.resource.Resource = "pods/exec"
	run, err := b.executor(conn, p, container, argv)
	if err != nil {
		return nil, b.c.explain(r, conn.config.Host, err)
	}
	out, said := &limited{most: agentOutput}, &limited{most: 4 << 10}
	err = run.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: said})
	var exit interface{ ExitStatus() int }
	switch {
	case errors.As(err, &exit):
		return out.Bytes(), fmt.Errorf("%s in pod %s: exit code %d: %s", argv[1], p.Name, exit.ExitStatus(), cut(said.String()))
	case err != nil:
		return out.Bytes(), b.c.explain(r, conn.config.Host, err)
	case out.over:
		return nil, fmt.Errorf("%s in pod %s: it writes more than %d bytes", argv[1], p.Name, agentOutput)
	}
	return out.Bytes(), nil
}

// executor speaks WebSocket and falls back to SPDY, as a port-forward does.
func (b *Bench) executor(conn *connection, p BenchPod, container string, argv []string) (remotecommand.Executor, error) {
	req := podURL(conn.rest.Post(), b.named(p), "exec").
		Param("container", container).Param("stdout", "true").Param("stderr", "true")
	for _, a := range argv {
		req = req.Param("command", a)
	}
	target := req.URL()
	config := rest.CopyConfig(conn.config)
	config.Timeout = 0 // the deadline of ordinary requests would cut the stream
	ws, err := remotecommand.NewWebSocketExecutor(config, "GET", target.String())
	if err != nil {
		return nil, err
	}
	old, err := remotecommand.NewSPDYExecutor(config, "POST", target)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(ws, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

// limited keeps the first bytes of what is written to it.
type limited struct {
	bytes.Buffer
	most int
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - l.Len(); len(p) > room {
		l.over = true
		_, _ = l.Buffer.Write(p[:max(room, 0)]) // a Buffer takes everything
		return len(p), nil
	}
	return l.Buffer.Write(p)
}
