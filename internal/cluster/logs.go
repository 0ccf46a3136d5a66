package cluster

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"rehome.dev/rehome/internal/migration"
)

// logLimit bounds what one container's log may take, in bytes.
const logLimit = 1 << 20

// previousLog is added to the name of a container whose log is that of its run
// before the last restart: a crash has its last words there.
const previousLog = ".previous"

// Logs gives the last lines of every container of the workload's pods, by
// "pod/container", and with ".previous" those of the run before its last
// restart. A container whose log cannot be read does not keep the others from
// being given: the error comes beside what there is.
func (c *Cluster) Logs(ctx context.Context, spec migration.Spec, env migration.Env, workload string, lines int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	o, err := c.findWorkload(ctx, spec, spec.Namespace(env), workload)
	if err != nil || o == nil {
		return out, err
	}
	list, err := c.podsOf(ctx, o)
	if err != nil {
		return out, err
	}
	var errs []error
	for i := range list {
		for _, s := range statuses(&list[i]) {
			errs = append(errs, c.logInto(ctx, out, &list[i], s, lines))
		}
	}
	return out, errors.Join(errs...)
}

func (c *Cluster) logInto(ctx context.Context, out map[string][]byte, p *corev1.Pod, s corev1.ContainerStatus, lines int64) error {
	var errs []error
	key := p.Name + "/" + s.Name
	if s.State.Running != nil || s.State.Terminated != nil {
		text, err := c.log(ctx, p, s.Name, lines, false)
		if err != nil {
			errs = append(errs, err)
		} else {
			out[key] = text
		}
	}
	if s.RestartCount > 0 && s.LastTerminationState.Terminated != nil {
		text, err := c.log(ctx, p, s.Name, lines, true)
		if err != nil {
			errs = append(errs, err)
		} else {
			out[key+previousLog] = text
		}
	}
	return errors.Join(errs...)
}

func (c *Cluster) log(ctx context.Context, p *corev1.Pod, container string, lines int64, previous bool) ([]byte, error) {
	return c.readLog(ctx, p, container, logLimit, map[string]string{
		"tailLines": strconv.FormatInt(lines, 10), "previous": strconv.FormatBool(previous),
	})
}

// readLog reads a container's log up to limit bytes, with what else of it is asked for.
func (c *Cluster) readLog(ctx context.Context, p *corev1.Pod, container string, limit int, asked map[string]string) ([]byte, error) {
	r := request{verb: "get", resource: pods, namespace: p.Namespace, name: p.Name}
	r.resource.Resource = "pods/log"
	var out []byte
	err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		req := podURL(conn.rest.Get(), p, "log").Param("container", container).Param("limitBytes", strconv.Itoa(limit))
		for name, value := range asked {
			req = req.Param(name, value)
		}
		stream, err := req.Stream(ctx)
		if err != nil {
			return err
		}
		out, err = io.ReadAll(stream)
		return errors.Join(err, stream.Close())
	})
	return slices.Clip(out), err
}
