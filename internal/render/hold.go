package render

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// bindLow is the exception by which a port below 1024 can be listened on.
const bindLow = "NET_BIND_SERVICE"

// firstFree is the lowest port that anybody may listen on (ip(7)).
const firstFree = 1024

// security takes the exceptions that facts show to be needed, and says of the
// declared ones which fact speaks for them.
func (s subject) security() {
	w := s.w
	for _, e := range w.Security.Exceptions {
		fact := s.speaksFor(e.Allow)
		s.choose("security.exceptions "+e.Allow, "allowed", FromFile, "%s; %s", e.Because, cmp.Or(fact, "no fact speaks for it"))
		if fact == "" {
			s.note(codeOf(e.Allow), "is allowed %s, and no fact speaks for it", e.Allow)
		}
	}
	_, root := w.Security.Allows(migration.AllowRoot)
	_, low := w.Security.Allows(bindLow)
	if why := s.lowPort(); why != "" && !root && !low {
		w.Security.Exceptions = append(slices.Clip(w.Security.Exceptions), migration.Exception{Allow: bindLow, Because: why})
		s.choose("security.exceptions "+bindLow, "allowed", FromFacts, "%s", why)
	}
	for _, m := range s.machines {
		for _, p := range m.Processes {
			switch {
			case p.UID == 0 && p.Main && !root:
				s.note(migration.CodeRoot, "%s runs as root on %s; its pods do not: the image must name another user", p.Name, hostOf(m))
			case p.UID != 0:
				for _, c := range p.Capabilities {
					c = strings.TrimPrefix(c, "CAP_")
					if _, ok := w.Security.Allows(c); !ok && c != bindLow {
						s.note(migration.CodeCapabilities, "%s has the capability %s on %s, and its pods have not: allow it under security.exceptions where the release needs it", p.Name, c, hostOf(m))
					}
				}
			}
		}
	}
}

func codeOf(allow string) migration.Code {
	switch allow {
	case migration.AllowRoot:
		return migration.CodeRoot
	case migration.AllowWrites:
		return migration.CodeConfigRO
	case bindLow:
		return migration.CodePrivileged
	}
	return migration.CodeCapabilities
}

// lowPort says which port below 1024 the application was seen to listen on that a
// pod listens on too.
func (s subject) lowPort() string {
	for _, m := range s.machines {
		for _, l := range m.Listeners {
			if l.Port < firstFree && slices.ContainsFunc(s.w.Ports, func(p migration.Port) bool { return int(p.Port) == l.Port }) {
				return fmt.Sprintf("it listens on port %d, seen on %s", l.Port, hostOf(m))
			}
		}
	}
	return ""
}

// speaksFor is the fact that justifies an exception, empty where there is none.
func (s subject) speaksFor(allow string) string {
	if allow == bindLow {
		return s.lowPort()
	}
	for _, m := range s.machines {
		for _, p := range m.Processes {
			switch {
			case allow == migration.AllowRoot && p.UID == 0:
				return fmt.Sprintf("%s runs as root on %s", p.Name, hostOf(m))
			case slices.Contains(p.Capabilities, "CAP_"+allow):
				return fmt.Sprintf("%s has it on %s", p.Name, hostOf(m))
			}
		}
		for _, f := range m.Files {
			if allow == migration.AllowWrites && f.Written && !s.mayWrite(f.Path) {
				return fmt.Sprintf("it writes %s on %s", f.Path, hostOf(m))
			}
		}
	}
	return ""
}

// mayWrite says whether a path is in a volume of the pod that can be written.
func (s subject) mayWrite(file string) bool {
	for _, dir := range append([]string{"/tmp", "/dev", "/proc", "/sys"}, s.w.Scratch...) {
		if inventory.Below(file, path.Clean(dir)) {
			return true
		}
	}
	return slices.ContainsFunc(s.w.Storage, func(v migration.Storage) bool { return inventory.Below(file, path.Clean(v.Path)) })
}

// covered says whether a path is in what is mounted read-only.
func (s subject) covered(file string) bool {
	return slices.ContainsFunc(s.w.Mounts, func(m migration.Mount) bool { return m.Path != "" && inventory.Below(file, path.Clean(m.Path)) })
}

// scratch gives a directory that may be written for each in which logs and
// temporary files were seen to be: everywhere else the image is read-only.
func (s subject) scratch() {
	for _, dir := range s.w.Scratch {
		s.choose("scratch", dir, FromFile, "")
	}
	if _, writes := s.w.Security.Allows(migration.AllowWrites); writes {
		return
	}
	for _, m := range s.machines {
		for _, f := range m.Files {
			if f.Written {
				s.written(m, f.Path, path.Dir(f.Path), f.Class)
			}
		}
		for _, g := range m.Groups {
			if g.Written+g.Created > 0 {
				s.written(m, g.Directory, g.Directory, g.Class)
			}
		}
	}
}

func (s subject) written(m inventory.Facts, what, dir string, class inventory.FileClass) {
	switch {
	case s.mayWrite(what):
	case s.covered(what):
		s.note(migration.CodeConfigRO, "%s is written on %s, and is mounted read-only", what, hostOf(m))
	case !path.IsAbs(dir) || path.Clean(dir) == "/" || class == inventory.FileDevice:
	case class == inventory.FileLog || class == inventory.FileTemp:
		s.w.Scratch = append(slices.Clip(s.w.Scratch), dir)
		s.choose("scratch", dir, FromFacts, "%s is written on %s, and may be gone with the pod (%s)", what, hostOf(m), class)
	case class == inventory.FileProgram:
	default:
		s.note(migration.CodeStateDisk, "%s (%s) is written on %s, and a pod cannot: declare storage or scratch, or let the release write elsewhere", what, class, hostOf(m))
	}
}

// network takes the peers that were dialled, where a policy is wanted and lists none.
func (s subject) network() {
	p := s.w.NetworkPolicy
	if p == nil {
		return
	}
	for _, peer := range p.To {
		s.choose("networkPolicy.to", fmt.Sprintf("%s port %d", peer.CIDR, peer.Port), FromFile, "%s", peer.What)
	}
	if len(p.To) > 0 {
		return
	}
	open := *p
	for _, m := range s.machines {
		for _, peer := range m.Peers {
			s.dialled(&open, m, peer)
		}
	}
	s.w.NetworkPolicy = &open
	if len(open.To) == 0 {
		s.note(migration.CodeEgress, "has a network policy that lets it dial nothing: none is declared, and no facts tell whom it dials")
	}
}

func (s subject) dialled(p *migration.NetworkPolicy, m inventory.Facts, peer inventory.Peer) {
	if peer.Direction != inventory.Dialled || peer.Port == 53 {
		return
	}
	at, err := netip.ParseAddr(peer.Address)
	switch {
	case peer.Local:
		s.note(migration.CodeEgress, "dials %s port %d, which is next door on %s and in no pod", peer.Address, peer.Port, hostOf(m))
		return
	case err != nil:
		s.note(migration.CodeEgress, "dials %s port %d, which is no address: its policy does not let it", peer.Address, peer.Port)
		return
	}
	n := migration.NetworkPeer{
		CIDR: netip.PrefixFrom(at.Unmap().WithZone(""), at.Unmap().BitLen()).String(), Port: int32(peer.Port), What: strings.TrimSuffix(peer.Name, "."),
	}
	if strings.HasPrefix(peer.Protocol, "udp") {
		n.Protocol = "UDP"
	}
	if slices.ContainsFunc(p.To, func(o migration.NetworkPeer) bool {
		return o.CIDR == n.CIDR && o.Port == n.Port && o.Protocol == n.Protocol
	}) {
		return
	}
	p.To = append(slices.Clip(p.To), n)
	s.choose("networkPolicy.to", fmt.Sprintf("%s port %d", n.CIDR, n.Port), FromFacts, "dialled from %s%s", hostOf(m), either(n.What == "", "", ", "+n.What))
}
