package manifest

import (
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// ExceptionAnnotation begins the annotations that name on a workload what its pods
// may do beyond the rule, and why. They stand on the object, not on the pods: a
// reason replaces nothing.
const ExceptionAnnotation = "rehome.dev/exception."

// bindLow lets a port below 1024 be listened on. A capability reaches a process of
// another user than root only from its file, which allowPrivilegeEscalation: false
// forbids: what helps it is the pod's own lowest free port, a safe sysctl
// (Kubernetes, "Using sysctls in a Kubernetes Cluster").
const (
	bindLow    = "NET_BIND_SERVICE"
	lowestPort = "net.ipv4.ip_unprivileged_port_start"
)

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
	} else if _, low := w.Security.Allows(bindLow); low {
		s["sysctls"] = []any{object{"name": lowestPort, "value": strconv.Itoa(lowest(w.Ports))}}
	}
	return s
}

func containerSecurity(s migration.Security) object {
	_, writes := s.Allows(migration.AllowWrites)
	caps := object{"drop": []any{"ALL"}}
	if add := list(s.Capabilities()); len(add) > 0 {
		caps["add"] = add
	}
	return object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": !writes, "capabilities": caps}
}

func lowest(ports []migration.Port) int {
	low := 1023
	for _, p := range ports {
		low = min(low, int(p.Port))
	}
	return low
}

// nameExceptions names each exception and its reason on an object.
func nameExceptions(s migration.Security, meta object) {
	for _, e := range s.Exceptions {
		meta["annotations"].(object)[ExceptionAnnotation+e.Allow] = strings.Join(strings.Fields(e.Because), " ")
	}
}
