package readiness

import (
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// stateOffDisk is STATE-DISK: whatever a request leaves on the local disk is gone
// with the pod, and on another pod it never was. Files on a network file system,
// and those of an application that is itself a store, are persistent data and
// DATA's affair. A file that is written and that no rule knows may be state:
// nobody can tell, so it does not pass.
func stateOffDisk(_ look, m machine) opinion {
	var o opinion
	own := slices.ContainsFunc(m.Stores, func(s inventory.Store) bool { return s.Own })
	for _, f := range m.Files {
		switch {
		case !f.Written || m.remote(f):
		case f.Class == inventory.FileSession, f.Class == inventory.FileData && !own:
			o.blame(m, f.Seen, "%s keeps %s in %s%s", m.writers(f.PIDs), kept(f.Class), f.Path, growth(f.Growth))
		case f.Class == inventory.FileOther && !own:
			o.doubt(m, f.Seen, "%s writes %s%s, and no rule knows what it is", m.writers(f.PIDs), f.Path, growth(f.Growth))
		}
	}
	for _, g := range m.Groups {
		mt, _ := m.Mounted(g.Directory)
		switch {
		case g.Written+g.Created == 0 || mt.Network:
		case g.Class == inventory.FileSession, g.Class == inventory.FileData && !own:
			o.blame(m, 0, "keeps %s in %s: %s, %d of them made while it was looked at", kept(g.Class), g.Directory, plural(g.Count, "file"), g.Created)
		case g.Class == inventory.FileOther && !own:
			o.doubt(m, 0, "writes %s in %s, and no rule knows what they are", plural(max(g.Written, g.Created), "file"), g.Directory)
		}
	}
	return m.concludeOver(o, "it keeps no session and no other state on the local disk", inventory.SubjectFiles, inventory.SubjectMounts)
}

func kept(c inventory.FileClass) string {
	if c == inventory.FileSession {
		return "sessions"
	}
	return "data"
}

// remote says whether a file is on a network file system.
func (m machine) remote(f inventory.File) bool {
	mt, ok := m.Mounted(f.Path)
	return ok && mt.Network || slices.ContainsFunc(networkFileSystems, func(p string) bool { return matches(f.FSType, p) })
}

var networkFileSystems = []string{"nfs*", "cifs", "smb*", "ceph", "glusterfs", "fuse.glusterfs", "fuse.ceph*", "fuse.sshfs", "9p", "lustre"}

// writers names the processes that write a file.
func (m machine) writers(pids []int) string {
	var names []string
	for _, p := range m.Processes {
		if slices.Contains(pids, p.PID) && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "it"
	}
	return some(names)
}

// dataOutside is DATA: where persistent data is, and that it does not stay behind
// in the machine. Data in the machine is known and planned for only where the
// migration declares it: shared, and named among the stores.
func dataOutside(l look, m machine) opinion {
	var o opinion
	var outside []string
	for _, s := range m.Stores {
		switch {
		case !persistent(s):
		case !s.Local && !s.Own:
			outside = append(outside, s.Kind+" at "+s.Where)
			o.note(m, 0, "%s at %s, outside this machine (%s)", s.Kind, s.Where, s.Why)
		case l.names(m, s):
			outside = append(outside, s.Kind+" at "+s.Where+", declared shared")
			o.note(m, 0, "%s at %s is on this machine, and declared shared", s.Kind, s.Where)
		case s.Own:
			o.blame(m, 0, "it is itself a store: %s at %s", s.Kind, s.Where)
		default:
			o.blame(m, 0, "%s at %s is next door on this machine, and stays behind", s.Kind, s.Where)
		}
	}
	for _, d := range m.ownData() {
		if l.namesPath(d.path) {
			outside = append(outside, d.path+", declared shared")
			o.note(m, d.seen, "%s is declared shared", d.path)
			continue
		}
		o.blame(m, d.seen, "data in %s%s", d.path, d.more)
	}
	passed := "no persistent data was seen"
	if len(outside) > 0 {
		passed = "persistent data is known: " + some(outside)
	}
	return m.concludeOver(o, passed, inventory.SubjectFiles, inventory.SubjectMounts, inventory.SubjectPeers, inventory.SubjectSockets)
}

// persistent says whether losing a store loses more than time: what databases,
// queues and object stores hold does, and whatever the application itself is there
// to keep, but for a plain cache.
func persistent(s inventory.Store) bool {
	if s.Own {
		return s.Kind != "memcached"
	}
	return s.Role == "database" || s.Role == "queue" || slices.Contains([]string{"minio", "etcd", "zookeeper"}, s.Kind)
}

type dataPlace struct {
	path, more string
	seen       int
}

// ownData are the files that hold data, and that the application writes.
func (m machine) ownData() []dataPlace {
	var out []dataPlace
	for _, f := range m.Files {
		if f.Class == inventory.FileData && f.Written {
			more := growth(f.Growth)
			if m.remote(f) {
				more += ", on the network file system " + f.Mount
			}
			out = append(out, dataPlace{f.Path, more, f.Seen})
		}
	}
	for _, g := range m.Groups {
		if g.Class == inventory.FileData && g.Written+g.Created > 0 {
			out = append(out, dataPlace{g.Directory, ": " + plural(g.Count, "file") + ", " + size(g.Bytes), 0})
		}
	}
	return out
}

// oneStore is SPLIT-WRITES: what the machines write to is what the pods will
// write to, so that going back loses nothing. Only a person can say so; what is
// judged is that everything that was seen is covered by what was said.
func oneStore(l look, m machine) opinion {
	var o opinion
	shared := map[string]bool{}
	for _, s := range m.Stores {
		switch {
		case !persistent(s):
		case l.names(m, s):
			shared[s.Kind+" "+place(s)] = true
			o.note(m, 0, "%s at %s is declared shared", s.Kind, s.Where)
		case !l.Spec.Data.Shared:
			o.blame(m, 0, "it uses %s at %s, and the stores are not declared shared", s.Kind, s.Where)
		default:
			o.blame(m, 0, "it uses %s at %s, which data.stores does not name", s.Kind, s.Where)
		}
	}
	passed := "no store was seen that could be written on two sides"
	if len(shared) > 0 {
		passed = plural(len(shared), "store") + " declared shared by both sides"
	}
	return m.concludeOver(o, passed, inventory.SubjectPeers, inventory.SubjectSockets)
}

// names says whether the migration declares a store shared by naming it: its host
// with or without the port, its path or, where there is only one of the kind, its
// kind.
func (l look) names(m machine, s inventory.Store) bool {
	if !l.Spec.Data.Shared {
		return false
	}
	if strings.HasPrefix(s.Where, "/") && l.namesPath(s.Where) {
		return true
	}
	host, port := hostPort(s.Where)
	hosts := []string{host}
	for _, p := range m.Peers {
		if p.Address == host && p.Name != "" {
			hosts = append(hosts, strings.TrimSuffix(p.Name, "."))
		}
	}
	alike := map[string]bool{}
	for _, t := range m.Stores {
		if t.Kind == s.Kind {
			alike[place(t)] = true
		}
	}
	for _, word := range l.storeWords() {
		h, p := hostPort(word)
		for _, have := range hosts {
			if have != "" && strings.EqualFold(h, have) && (p == "" || port == "" || p == port) {
				return true
			}
		}
		if len(alike) == 1 && sameKind(strings.Trim(word, ":"), s.Kind) {
			return true
		}
	}
	return false
}

// place is where a store is, the same for all loopback addresses of one port.
func place(s inventory.Store) string {
	host, port := hostPort(s.Where)
	if s.Local && port != "" && slices.Contains([]string{"127.0.0.1", "::1", "localhost", "0.0.0.0", "::"}, host) {
		return "here:" + port
	}
	return s.Where
}

// namesPath says whether a path is declared shared, itself or a directory above.
func (l look) namesPath(path string) bool {
	return l.Spec.Data.Shared && slices.ContainsFunc(l.storeWords(), func(w string) bool {
		return len(w) > 1 && w[0] == '/' && inventory.Below(path, w)
	})
}

// storeWords are the words of what the migration calls its stores, without the
// scheme, user and path of a URL.
func (l look) storeWords() []string {
	var out []string
	for _, s := range l.Spec.Data.Stores {
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '(' || r == ')' }) {
			if _, rest, ok := strings.Cut(w, "://"); ok {
				w = rest[strings.Index(rest, "@")+1:]
				w, _, _ = strings.Cut(w, "/")
			}
			out = append(out, w)
		}
	}
	return out
}

// otherNames are what people call a kind of store besides its own name.
var otherNames = map[string]string{"postgres": "postgresql", "mariadb": "mysql", "mongo": "mongodb", "rabbit": "rabbitmq", "elastic": "elasticsearch"}

func sameKind(word, kind string) bool {
	one := func(s string) string {
		s = strings.ToLower(s)
		if full, ok := otherNames[s]; ok {
			return full
		}
		return s
	}
	return word != "" && one(word) == one(kind)
}

// hostPort takes host:port or [address]:port apart; without a port all is host.
func hostPort(where string) (host, port string) {
	if rest, ok := strings.CutPrefix(where, "["); ok {
		host, rest, _ = strings.Cut(rest, "]")
		return host, strings.TrimPrefix(rest, ":")
	}
	if h, p, ok := strings.Cut(where, ":"); ok && !strings.Contains(p, ":") {
		return strings.TrimSuffix(h, "."), p
	}
	return strings.TrimSuffix(where, "."), ""
}

// stickyElsewhere is STICKY: a proxy that leads a client always to the same
// instance says that the instances do not know each other's sessions.
func stickyElsewhere(_ look, m machine) opinion {
	var o opinion
	for _, p := range m.Proxies {
		if p.Sticky != "" && (!p.Own || slices.ContainsFunc(p.Backends, m.behindItself)) {
			o.blame(m, 0, "%s keeps clients on one instance: %s (%s:%d)", p.Kind, p.Sticky, p.File, p.Line)
		}
	}
	return m.conclude(o, "no proxy on the machine keeps clients on one instance", inventory.SubjectProxies)
}

func (m machine) behindItself(backend string) bool {
	host, port := hostPort(backend)
	n, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	p := m.named(host, n)
	return m.nextDoor(p) && m.itself(p)
}
