package config

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

func (s *source) workloads(ws []v1alpha1.Workload) []migration.Workload {
	out := make([]migration.Workload, 0, len(ws))
	names := make([]string, 0, len(ws))
	for i, w := range ws {
		out = append(out, s.workload(fmt.Sprintf("spec.workloads[%d]", i), w))
		names = append(names, w.Name)
	}
	s.unique("spec.workloads", names, "name")
	return out
}

func (s *source) workload(field string, w v1alpha1.Workload) migration.Workload {
	s.nameRule(field+".name", w.Name, validation.IsDNS1035Label) // a Service has this name
	s.image(field+".image", w.Image)
	out := migration.Workload{
		Name: w.Name, Image: w.Image, Dockerfile: s.dockerfile(field+".dockerfile", w.Dockerfile),
		Kind:      migration.Kind(cmp.Or(w.Kind, string(migration.KindAuto))),
		Replicas:  or(w.Replicas, 1),
		Ports:     s.ports(field+".ports", w.Ports),
		Health:    s.health(field+".health", w.Health, len(w.Ports) > 0),
		Resources: s.resources(field+".resources", w.Resources),
		Env:       s.env(field+".env", w.Env),
		Mounts:    s.mounts(field+".mounts", w.Mounts),
		Storage:   s.storage(field+".storage", w.Storage),
	}
	out.TerminationGraceSeconds = s.seconds(field+".terminationGrace", w.TerminationGrace, 30)
	out.PreStopSeconds = s.seconds(field+".preStop", w.PreStop, 5)
	if out.PreStopSeconds > 0 && out.PreStopSeconds >= out.TerminationGraceSeconds && !s.bad[field+".terminationGrace"] {
		s.problem(field+".preStop", "leaves nothing of terminationGrace, in which it is counted", "make terminationGrace longer")
	}
	if len(out.Storage) > 0 && out.Kind == migration.KindDeployment {
		s.problem(field+".kind", "is Deployment, but the workload has storage of each pod", "write StatefulSet, or leave storage out")
	}
	s.shape(field, w, &out)
	return out
}

var imageReference = regexp.MustCompile(`^[a-z0-9]([a-zA-Z0-9._:/-]*[a-zA-Z0-9])?(@[a-z0-9]+:[0-9a-fA-F]+)?$`)

// image checks the form. That an image without a digest is not moved is a
// guard's word, because a plan may be looked at before it is built.
func (s *source) image(field, image string) {
	if !s.said(field) {
		return
	}
	_, digest, pinned := strings.Cut(image, "@")
	hex := strings.TrimPrefix(digest, "sha256:")
	switch {
	case strings.Contains(image, "://"):
		s.problem(field, "is "+quoted(image)+", an address", "write it without a scheme: registry/name@sha256:…")
	case !imageReference.MatchString(image):
		s.problem(field, "is "+quoted(image)+", not an image", "write it as registry/name@sha256:…")
	case pinned && (len(hex) != 64 || hex == digest || strings.ToLower(hex) != hex):
		s.problem(field, "has a digest that is none", "a digest is sha256: and 64 hexadecimal digits in lower case")
	}
}

func (s *source) ports(field string, ws []v1alpha1.Port) []migration.Port {
	out := make([]migration.Port, 0, len(ws))
	var names, numbers []string
	for i, w := range ws {
		at := fmt.Sprintf("%s[%d]", field, i)
		s.nameRule(at+".name", w.Name, validation.IsValidPortName)
		p := migration.Port{Name: w.Name, Port: w.Port, Public: w.Public, Protocol: cmp.Or(w.Protocol, "TCP")}
		names = append(names, w.Name)
		numbers = append(numbers, fmt.Sprintf("%d/%s", p.Served(), p.Protocol))
		out = append(out, p)
	}
	s.unique(field, names, "name")
	s.unique(field, numbers, "port")
	return out
}

func (s *source) health(field string, w v1alpha1.Health, listens bool) migration.Health {
	s.requestPath(field+".readinessPath", w.ReadinessPath)
	s.requestPath(field+".livenessPath", w.LivenessPath)
	switch at := field + ".readinessPath"; {
	case listens && w.ReadinessPath == "" && !s.bad[at] && !s.bad[field]:
		s.problem(at, "is missing", "add it")
	case listens && len(w.Command) > 0:
		s.problem(field+".command", "is for a workload without ports", "leave it out: its port is asked")
	case !listens && w.ReadinessPath+w.LivenessPath != "" && !s.bad[parentOf(field)+".ports"]:
		s.problem(field, "has a path, but the workload has no port that could be asked", "add its ports, or write command")
	}
	return migration.Health{
		ReadinessPath: w.ReadinessPath, LivenessPath: w.LivenessPath, Command: w.Command,
		StartupSeconds: int32(s.seconds(field+".startup", w.Startup, 0)),
	}
}

// seconds is a time span that Kubernetes keeps in whole seconds.
func (s *source) seconds(field string, d *metav1.Duration, fallback int64) int64 {
	if d == nil || s.bad[field] {
		return fallback
	}
	switch {
	case d.Duration%time.Second != 0:
		s.problem(field, "is "+d.Duration.String()+", not whole seconds", "write it in whole seconds")
	case d.Duration > 24*time.Hour:
		s.problem(field, "is "+d.Duration.String()+", more than a day", "write a shorter time")
	}
	return int64(d.Duration / time.Second)
}

func (s *source) resources(field string, w v1alpha1.Resources) migration.Resources {
	out := migration.Resources{
		CPURequestMilli: s.cpu(field+".requests.cpu", w.Requests.CPU), CPULimitMilli: s.cpu(field+".limits.cpu", w.Limits.CPU),
		MemoryRequestBytes: s.memory(field+".requests.memory", w.Requests.Memory), MemoryLimitBytes: s.memory(field+".limits.memory", w.Limits.Memory),
	}
	if out.CPULimitMilli > 0 && out.CPURequestMilli > out.CPULimitMilli {
		s.problem(field+".requests.cpu", "is more than the limit", "ask for at most what the pod may use")
	}
	if out.MemoryLimitBytes > 0 && out.MemoryRequestBytes > out.MemoryLimitBytes {
		s.problem(field+".requests.memory", "is more than the limit", "ask for at most what the pod may use")
	}
	return out
}

// cpu is an amount of cores in millicores.
func (s *source) cpu(field string, q *resource.Quantity) int64 {
	if q == nil || s.bad[field] {
		return 0
	}
	const mostCores = 1024
	switch milli := q.MilliValue(); {
	case q.Cmp(resource.MustParse("1m")) < 0:
		s.problem(field, "is "+quoted(s.nodeOf(field).Value)+", less than a thousandth of a core", "write cores: 250m, or 2")
	case q.Cmp(*resource.NewQuantity(mostCores, resource.DecimalSI)) > 0:
		s.problem(field, "is "+quoted(s.nodeOf(field).Value)+", more than any machine has", "write cores, not bytes: 250m, or 2")
	default:
		return milli
	}
	return 0
}

// memory is an amount of memory in bytes.
func (s *source) memory(field string, q *resource.Quantity) int64 {
	if q == nil || s.bad[field] {
		return 0
	}
	return s.bytes(field, *q, "512Mi")
}

// bytes refuses the amounts that a forgotten or a wrong unit makes: 512 is half
// a kilobyte, and 512m half a byte.
func (s *source) bytes(field string, q resource.Quantity, example string) int64 {
	switch {
	case q.Cmp(resource.MustParse("1Mi")) < 0:
		s.problem(field, "is "+quoted(s.nodeOf(field).Value)+", less than a mebibyte", "write the unit: "+example)
	case q.Cmp(resource.MustParse("1Ei")) > 0:
		s.problem(field, "is "+quoted(s.nodeOf(field).Value)+", more than any machine has", "write it like "+example)
	default:
		return q.Value()
	}
	return 0
}

func (s *source) env(field string, env map[string]string) map[string]string {
	for name, value := range env {
		at := child(field, name)
		s.nameRule(at, name, validation.IsEnvVarName)
		if value != "" && secretName(name) || hasCredentials(value) {
			s.problem(at, "looks like a secret written into the file", "keep it in a Secret of the namespace and list that under mounts, with env: true")
		}
	}
	return env
}

func (s *source) mounts(field string, ws []v1alpha1.Mount) []migration.Mount {
	var out []migration.Mount
	var paths []string
	for i, w := range ws {
		at := fmt.Sprintf("%s[%d]", field, i)
		s.nameRule(at+".configMap", w.ConfigMap, validation.IsDNS1123Subdomain)
		s.nameRule(at+".secret", w.Secret, validation.IsDNS1123Subdomain)
		switch {
		case !s.said(at):
		case (w.ConfigMap == "") == (w.Secret == ""):
			s.problem(at, "must name either a configMap or a secret", "an entry mounts one of them: write two entries for both")
		case (w.Path == "") != w.Env:
			s.problem(at, "must say either path or env: true", "it is mounted at a path, or given as environment variables")
		}
		if w.Path != "" {
			s.absolutePath(at+".path", w.Path)
		}
		if w.Env && (len(w.Items) > 0 || w.Mode != "") {
			s.problem(at, "items and mode are of files", "with env: true every key is a variable")
		}
		if w.Path != "" {
			paths = append(paths, w.ConfigMap+w.Secret+" at "+path.Clean(w.Path))
		} else {
			paths = append(paths, "")
		}
		out = append(out, migration.Mount{ConfigMap: w.ConfigMap, Secret: w.Secret, Path: w.Path, Env: w.Env, Items: s.items(at+".items", w.Items), Mode: s.fileMode(at+".mode", w.Mode)})
	}
	s.unique(field, paths, "path")
	return out
}

// items are files below a mount. Kubernetes refuses paths that lead out of it or begin
// with two dots.
func (s *source) items(field string, ws []v1alpha1.MountItem) []migration.MountItem {
	var out []migration.MountItem
	var paths []string
	for i, w := range ws {
		at := fmt.Sprintf("%s[%d]", field, i)
		s.nameRule(at+".key", w.Key, validation.IsConfigMapKey)
		if w.Path != "" && (path.IsAbs(w.Path) || path.Clean(w.Path) != w.Path || w.Path == "." || strings.HasPrefix(w.Path, "..")) {
			s.problem(at+".path", "is no path below the mount", "write it relative, without ..: conf.d/log.conf")
		}
		paths = append(paths, w.Path)
		out = append(out, migration.MountItem{Key: w.Key, Path: w.Path, Mode: s.fileMode(at+".mode", w.Mode)})
	}
	s.unique(field, paths, "path")
	return out
}

func (s *source) fileMode(field, text string) int32 {
	if text == "" {
		return 0
	}
	mode, err := strconv.ParseInt(text, 8, 32)
	if err != nil || len(text) != 4 || text[0] != '0' || mode == 0 {
		s.problem(field, fmt.Sprintf("%q is no mode of a file in a volume", text), `write it in octal, as chmod takes it, in quotes: "0640"`)
		return 0
	}
	return int32(mode)
}

func (s *source) storage(field string, ws []v1alpha1.Storage) []migration.Storage {
	var out []migration.Storage
	var names, paths []string
	for i, w := range ws {
		at := fmt.Sprintf("%s[%d]", field, i)
		s.nameRule(at+".name", w.Name, validation.IsDNS1123Label)
		s.absolutePath(at+".path", w.Path)
		v := migration.Storage{Name: w.Name, Path: w.Path, Class: w.Class}
		if s.said(at + ".size") {
			v.SizeBytes = s.bytes(at+".size", w.Size, "10Gi")
		}
		names, paths = append(names, w.Name), append(paths, w.Path)
		out = append(out, v)
	}
	s.unique(field, names, "name")
	s.unique(field, paths, "path")
	return out
}
