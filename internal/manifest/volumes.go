package manifest

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// scratch is where an application may write although its root file system is
// read-only. It is empty at each start of the pod, and shared with nobody.
const scratch = "/tmp"

// The names of the volumes that are made here. A claim of the same name would
// silently take the place of such a volume.
const (
	scratchVolume = "scratch"
	mountVolume   = "mount-"
)

type volumes struct {
	volumes []any
	mounts  []any
	envFrom []any
}

// volumesOf mounts what the spec names: each path once, read-only, in the order
// of the spec; several ConfigMaps and Secrets at one path become one projected
// volume, because Kubernetes mounts only one volume at a path.
func volumesOf(w migration.Workload) (volumes, error) {
	var v volumes
	taken := map[string]string{}
	sources := map[string][]object{}
	var paths []string
	for i, m := range w.Mounts {
		where := fmt.Sprintf("mounts[%d]", i)
		src, err := sourceOf(m)
		if err != nil {
			return volumes{}, fmt.Errorf("%s: %w", where, err)
		}
		if m.Env {
			v.envFrom = append(v.envFrom, src.envFrom())
			continue
		}
		at, err := absolute(m.Path)
		if err != nil {
			return volumes{}, fmt.Errorf("%s: %w", where, err)
		}
		if sources[at] == nil {
			paths, taken[at] = append(paths, at), where
		}
		sources[at] = append(sources[at], src.projection())
	}
	for i, at := range paths {
		v.add(mountVolume+strconv.Itoa(i), at, true, projected(sources[at]))
	}
	if err := v.addStorage(w.Storage, taken); err != nil {
		return volumes{}, err
	}
	if taken[scratch] == "" {
		v.add(scratchVolume, scratch, false, object{"emptyDir": object{}})
	}
	return v, nil
}

// addStorage mounts the claims; their volumes come from the templates.
func (v *volumes) addStorage(storage []migration.Storage, taken map[string]string) error {
	for i, s := range storage {
		where := fmt.Sprintf("storage[%d]", i)
		at, err := absolute(s.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if s.Name == scratchVolume || strings.HasPrefix(s.Name, mountVolume) {
			return fmt.Errorf("%s: the name %q is kept for volumes that rehome makes", where, s.Name)
		}
		if other := taken[at]; other != "" {
			return fmt.Errorf("%s: path %s is already that of %s", where, at, other)
		}
		taken[at] = where
		v.add(s.Name, at, false, nil)
	}
	return nil
}

func (v *volumes) add(name, at string, readOnly bool, source object) {
	m := object{"name": name, "mountPath": at}
	if readOnly {
		m["readOnly"] = true
	}
	v.mounts = append(v.mounts, m)
	if source == nil {
		return
	}
	source["name"] = name
	v.volumes = append(v.volumes, source)
}

func absolute(p string) (string, error) {
	if !path.IsAbs(p) || path.Clean(p) == "/" {
		return "", fmt.Errorf("path %q is not an absolute path below /", p)
	}
	return path.Clean(p), nil
}

// source is one ConfigMap or Secret.
type source struct{ configMap, secret string }

func sourceOf(m migration.Mount) (source, error) {
	if (m.ConfigMap == "") == (m.Secret == "") {
		return source{}, errors.New("name a configMap or a secret, exactly one of them")
	}
	if m.Env && m.Path != "" {
		return source{}, errors.New("env and path exclude each other")
	}
	return source{m.ConfigMap, m.Secret}, nil
}

func (s source) envFrom() object {
	if s.secret != "" {
		return object{"secretRef": object{"name": s.secret}}
	}
	return object{"configMapRef": object{"name": s.configMap}}
}

func (s source) projection() object {
	if s.secret != "" {
		return object{"secret": object{"name": s.secret}}
	}
	return object{"configMap": object{"name": s.configMap}}
}

// projected is one plain volume where one source is enough, as a person would
// write it, and a projected one where it is not.
func projected(sources []object) object {
	if len(sources) > 1 {
		var all []any
		for _, s := range sources {
			all = append(all, s)
		}
		return object{"projected": object{"sources": all}}
	}
	if s, ok := sources[0]["secret"].(object); ok {
		return object{"secret": object{"secretName": s["name"]}}
	}
	return sources[0]
}
