package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
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

// volumesOf mounts what the spec names: each path once, in the order of the spec.
// ConfigMaps and Secrets are read-only, and several of them at one path become one
// projected volume, because Kubernetes mounts only one volume at a path.
func volumesOf(w migration.Workload) (volumes, error) {
	v, taken, err := mountsOf(w.Mounts)
	if err != nil {
		return volumes{}, err
	}
	if err := v.addStorage(w.Storage, taken); err != nil {
		return volumes{}, err
	}
	if taken[scratch] == "" {
		v.add(scratchVolume, scratch, false, object{"emptyDir": object{}})
	}
	if err := v.addScratch(w, taken); err != nil {
		return volumes{}, err
	}
	return v, nil
}

// mountsOf also says which entry took which path first.
func mountsOf(mounts []migration.Mount) (v volumes, taken map[string]string, err error) {
	taken = map[string]string{}
	sources := map[string][]source{}
	var paths []string
	for i, m := range mounts {
		where := fmt.Sprintf("mounts[%d]", i)
		src, err := sourceOf(m)
		if err != nil {
			return volumes{}, nil, fmt.Errorf("%s: %w", where, err)
		}
		if m.Env {
			v.envFrom = append(v.envFrom, src.envFrom())
			continue
		}
		at, err := absolute(m.Path)
		if err != nil {
			return volumes{}, nil, fmt.Errorf("%s: %w", where, err)
		}
		if sources[at] == nil {
			paths, taken[at] = append(paths, at), where
		}
		sources[at] = append(sources[at], src)
	}
	for i, at := range paths {
		volume, err := projected(sources[at])
		if err != nil {
			return volumes{}, nil, fmt.Errorf("mounts at %s: %w", at, err)
		}
		v.add(mountVolume+strconv.Itoa(i), at, true, volume)
	}
	return v, taken, nil
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

// source is one ConfigMap or Secret, or those of its keys that are files somewhere.
type source struct {
	configMap, secret string
	items             []migration.MountItem
	mode              int32
}

func sourceOf(m migration.Mount) (source, error) {
	if (m.ConfigMap == "") == (m.Secret == "") {
		return source{}, errors.New("name a configMap or a secret, exactly one of them")
	}
	if m.Env && m.Path != "" {
		return source{}, errors.New("env and path exclude each other")
	}
	if m.Env && (len(m.Items) > 0 || m.Mode != 0) {
		return source{}, errors.New("items and mode are of files; with env every key is a variable")
	}
	if m.Mode < 0 || m.Mode > mostMode {
		return source{}, fmt.Errorf("mode %#o is none of a file in a volume", m.Mode)
	}
	return source{m.ConfigMap, m.Secret, m.Items, m.Mode}, checkItems(m.Items)
}

// mostMode is the widest mode that Kubernetes gives to a file of a volume.
const mostMode = 0o777

// checkItems refuses what Kubernetes refuses, and what would silently win or be lost.
func checkItems(items []migration.MountItem) error {
	seen := map[string]int{}
	for i, item := range items {
		other, twice := seen[item.Path]
		switch {
		case item.Key == "":
			return fmt.Errorf("items[%d]: the key is missing", i)
		case item.Path == "" || path.IsAbs(item.Path) || path.Clean(item.Path) != item.Path || strings.HasPrefix(item.Path, ".."):
			return fmt.Errorf("items[%d]: %q is no path below the mount", i, item.Path)
		case item.Mode < 0 || item.Mode > mostMode:
			return fmt.Errorf("items[%d]: mode %#o is none of a file in a volume", i, item.Mode)
		case twice:
			return fmt.Errorf("items[%d]: path %q is already that of items[%d]", i, item.Path, other)
		}
		seen[item.Path] = i
	}
	return nil
}

func (s source) envFrom() object {
	if s.secret != "" {
		return object{"secretRef": object{"name": s.secret}}
	}
	return object{"configMapRef": object{"name": s.configMap}}
}

// paths are the items; those without a mode of their own get this one, 0 is none.
func (s source) paths(mode int32) []any {
	var out []any
	for _, item := range s.items {
		o := object{"key": item.Key, "path": item.Path}
		if m := cmp.Or(item.Mode, mode); m != 0 {
			o["mode"] = int64(m)
		}
		out = append(out, o)
	}
	return out
}

// projection is the source as one of several.
func (s source) projection(mode int32) object {
	kind, o := "configMap", object{"name": s.configMap}
	if s.secret != "" {
		kind, o = "secret", object{"name": s.secret}
	}
	if items := s.paths(mode); len(items) > 0 {
		o["items"] = items
	}
	return object{kind: o}
}

// projected is one plain volume where one source is enough, as a person would
// write it, and a projected one where it is not. A projected volume has one mode for
// all of its sources: another one is written into the items of its source.
func projected(sources []source) (object, error) {
	if len(sources) == 1 {
		return sources[0].plain(), nil
	}
	mode, err := modeOf(sources)
	if err != nil {
		return nil, err
	}
	var all []any
	at := map[string]string{}
	for _, s := range sources {
		for _, item := range s.items {
			if other, twice := at[item.Path]; twice {
				return nil, fmt.Errorf("%q is a file of %s and of %s: one of them would be lost", item.Path, other, s.name())
			}
			at[item.Path] = s.name()
		}
		own := int32(0)
		if s.fileMode() != mode {
			own = s.fileMode()
		}
		all = append(all, s.projection(own))
	}
	volume := object{"sources": all}
	if mode != standardMode {
		volume["defaultMode"] = int64(mode)
	}
	return object{"projected": volume}, nil
}

// standardMode is what Kubernetes gives to files of a volume for which nothing is said.
const standardMode = 0o644

func (s source) fileMode() int32 { return cmp.Or(s.mode, standardMode) }

// modeOf is the mode of a projected volume: that of the sources whose files have no
// items to write it into, which must be one.
func modeOf(sources []source) (int32, error) {
	var modes []int32
	for _, s := range sources {
		if len(s.items) == 0 {
			modes = append(modes, s.fileMode())
		}
	}
	switch {
	case len(modes) == 0:
		return sources[0].fileMode(), nil
	case slices.Min(modes) != slices.Max(modes):
		return 0, errors.New("sources without items have modes that differ, and the volume has one: list their items")
	}
	return modes[0], nil
}

func (s source) name() string { return cmp.Or(s.secret, s.configMap) }

// plain is the source as the only one.
func (s source) plain() object {
	kind, o := "configMap", object{"name": s.configMap}
	if s.secret != "" {
		kind, o = "secret", object{"secretName": s.secret}
	}
	if items := s.paths(0); len(items) > 0 {
		o["items"] = items
	}
	if s.mode != 0 {
		o["defaultMode"] = int64(s.mode)
	}
	return object{kind: o}
}

// Volumes are the volumes of a pod and the mounts of its container that the mounts
// of a spec make, and what is given as environment variables, in the form of
// Kubernetes: for whoever writes the pod himself.
func Volumes(mounts []migration.Mount) (podVolumes, volumeMounts, envFrom []any, err error) {
	v, _, err := mountsOf(mounts)
	return v.volumes, v.mounts, v.envFrom, err
}
