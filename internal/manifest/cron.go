package manifest

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// mostCronName is how long a CronJob's name may be: its jobs and pods add to it.
const mostCronName = 52

// job is one schedule that a workload's image runs in the cluster.
type job struct {
	migration.Schedule
	name string
}

// jobsOf are the jobs of a workload under the names of their objects.
func jobsOf(spec migration.Spec, w migration.Workload) []job {
	var out []job
	for _, s := range spec.Jobs(w.Name) {
		name := cronName(w.Name, s.Name)
		if slices.ContainsFunc(out, func(j job) bool { return j.name == name }) {
			name = strings.TrimRight(name[:min(len(name), mostCronName-7)], "-") + "-" + migration.DigestOf(s.Name)[:6]
		}
		out = append(out, job{s, name})
	}
	return out
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// cronName is a schedule's name as a machine has it, after the workload's.
func cronName(workload, schedule string) string {
	base := strings.TrimSuffix(path.Base(schedule), ".timer")
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(base), "-"), "-")
	name := strings.TrimRight(workload+"-"+slug, "-")
	if slug == workload || strings.HasPrefix(slug, workload+"-") {
		name = slug
	}
	if len(name) > mostCronName {
		name = strings.TrimRight(name[:mostCronName-7], "-") + "-" + migration.DigestOf(schedule)[:6]
	}
	return name
}

// cronJobs run what the machines' timers ran, in the same image. They begin
// suspended: until the switch the machines still run it (CRON-TWICE).
func cronJobs(spec migration.Spec, env migration.Env, w migration.Workload, suspend bool) ([]object, error) {
	var out []object
	for _, j := range jobsOf(spec, w) {
		o, err := cronJob(spec, env, w, j, suspend)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", j.Name, err)
		}
		out = append(out, o)
	}
	return out, nil
}

func cronJob(spec migration.Spec, env migration.Env, w migration.Workload, j job, suspend bool) (object, error) {
	switch {
	case j.When == "":
		return nil, errors.New("when is missing, and no facts tell it: write the five fields of a crontab")
	case len(j.Command) == 0:
		return nil, errors.New("command is missing, and no facts tell it: write the program and its arguments")
	case w.Image == "":
		return nil, errors.New("image is missing")
	case len(w.Storage) > 0:
		return nil, errors.New("it would run in an image whose storage belongs to single pods: name a workload without storage")
	}
	v, err := volumesOf(w)
	if err != nil {
		return nil, err
	}
	c := process(w, v)
	c["name"] = j.name
	c["command"] = list(j.Command)
	meta := object{"labels": labels(spec, j.name)}
	leaveMesh(spec, meta)
	pod := podOf(w, v, c)
	pod["restartPolicy"] = "Never"
	return object{
		"apiVersion": "batch/v1", "kind": "CronJob", "metadata": plainMeta(spec, env, j.name, j.name),
		"spec": object{
			"schedule": j.When, "timeZone": j.Zone(), "suspend": suspend, "concurrencyPolicy": "Forbid",
			"startingDeadlineSeconds": int64(300), "successfulJobsHistoryLimit": int64(1), "failedJobsHistoryLimit": int64(3),
			"jobTemplate": object{"spec": object{
				"backoffLimit": int64(0),
				"template":     object{"metadata": meta, "spec": pod},
			}},
		},
	}, nil
}
