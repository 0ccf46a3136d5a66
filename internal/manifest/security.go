package manifest

import (
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// ExceptionsAnnotation names on a workload what its pods may do beyond the rule,
// and why. It stands on the object, not on the pods: a reason replaces nothing.
const ExceptionsAnnotation = "rehome.dev/exceptions"

// storageGroup owns the volumes of a pod whose user is not known here: an image
// names its user, and a fresh volume belongs to root.
const storageGroup = 65532

func podSecurity(w migration.Workload) object {
	s := object{"runAsNonRoot": true, "seccompProfile": object{"type": "RuntimeDefault"}}
	group := w.Security.FilesGroup
	if group == 0 && len(w.Storage) > 0 {
		group = storageGroup
	}
	if group != 0 {
		s["fsGroup"] = group
		s["fsGroupChangePolicy"] = "OnRootMismatch"
	}
	if w.Security.User != 0 {
		s["runAsUser"] = w.Security.User
	}
	if w.Security.Group != 0 {
		s["runAsGroup"] = w.Security.Group
	}
	if _, root := w.Security.Allows(migration.AllowRoot); root {
		s["runAsNonRoot"], s["runAsUser"] = false, int64(0)
	}
	return s
}

func containerSecurity(s migration.Security) object {
	_, writes := s.Allows(migration.AllowWrites)
	caps := object{"drop": []any{"ALL"}}
	var add []any
	for _, c := range s.Capabilities() {
		add = append(add, c)
	}
	if len(add) > 0 {
		caps["add"] = add
	}
	return object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": !writes, "capabilities": caps}
}

// withExceptions names each exception and its reason on the objects.
func withExceptions(s migration.Security, meta func(string) object) func(string) object {
	if len(s.Exceptions) == 0 {
		return meta
	}
	var lines []string
	for _, e := range s.Exceptions {
		lines = append(lines, e.Allow+": "+strings.Join(strings.Fields(e.Because), " "))
	}
	return func(name string) object {
		m := meta(name)
		m["annotations"].(object)[ExceptionsAnnotation] = strings.Join(lines, "\n")
		return m
	}
}
