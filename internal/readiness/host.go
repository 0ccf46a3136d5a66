package readiness

import (
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
)

// oneOwner is CRON-TWICE: everything of the application that runs by time has one
// declared side that runs it. What only turns its log files on the machine does
// no work of the application: it ends with those files, and LOGS-STDOUT is about
// them.
func oneOwner(l look, m machine) opinion {
	var o opinion
	owners := map[string]migration.ScheduleOwner{}
	for _, s := range l.Spec.Schedules {
		if slices.Contains([]migration.ScheduleOwner{migration.OwnerMachine, migration.OwnerCluster, migration.OwnerNobody}, s.Owner) {
			owners[s.Name] = s.Owner
		}
	}
	related := 0
	for _, s := range m.Schedules {
		if !s.Related || s.Kind == "logrotate" {
			continue
		}
		related++
		if owner, ok := owners[s.Name]; ok {
			o.note(m, 0, "%s %s (%s) is run by the %s", s.Kind, s.Name, s.When, owner)
			continue
		}
		o.blame(m, 0, "%s %s (%s) has no owner: %s", s.Kind, s.Name, s.When, s.Why)
	}
	passed := "nothing of the application runs by time"
	if related > 0 {
		passed = plural(related, "schedule") + " with one owner each"
	}
	return m.conclude(o, passed, inventory.SubjectSchedules)
}

// networkFiles is NETWORK-FS.
func networkFiles(_ look, m machine) opinion {
	var o opinion
	for _, mt := range m.Mounts {
		if mt.Network {
			o.blame(m, 0, "%s is %s from %s", mt.Point, mt.FSType, mt.Source)
		}
	}
	for _, f := range m.Files {
		if m.remote(f) && len(o.blames) == 0 {
			o.blame(m, f.Seen, "%s is on %s", f.Path, f.FSType)
		}
	}
	return m.conclude(o, "none of its files is on a network file system", inventory.SubjectMounts, inventory.SubjectFiles)
}

// blockDevice is BLOCK-DEVICE: a raw device, or a disk of its own that no
// workload has storage for.
func blockDevice(l look, m machine) opinion {
	var o opinion
	for _, f := range m.Files {
		raw := slices.ContainsFunc([]string{"/dev/sd*", "/dev/vd*", "/dev/xvd*", "/dev/nvme*", "/dev/dm-*", "/dev/mapper/*", "/dev/md*", "/dev/disk/*", "/dev/loop*"},
			func(p string) bool { return matches(f.Path, p) })
		if raw && f.Class == inventory.FileDevice {
			o.blame(m, f.Seen, "uses the device %s itself", f.Path)
		}
	}
	for _, mt := range m.Mounts {
		switch {
		case !mt.Block || !m.writesBelow(mt):
		case l.stored(mt.Point):
			o.note(m, 0, "%s is a disk of its own, and a workload has storage there", mt.Point)
		default:
			o.blame(m, 0, "%s is a disk of its own (%s, %s used)", mt.Point, mt.Source, size(mt.Used))
		}
	}
	return m.conclude(o, "it needs no disk of its own", inventory.SubjectMounts, inventory.SubjectFiles)
}

// writesBelow says whether the application writes on a mounted file system.
func (m machine) writesBelow(mt inventory.Mount) bool {
	on := func(path string) bool { got, ok := m.Mounted(path); return ok && got.Point == mt.Point }
	return slices.ContainsFunc(m.Files, func(f inventory.File) bool { return f.Written && on(f.Path) }) ||
		slices.ContainsFunc(m.Groups, func(g inventory.FileGroup) bool { return g.Written+g.Created > 0 && on(g.Directory) })
}

// stored says whether a workload declares a volume for a path.
func (l look) stored(path string) bool {
	for _, w := range l.Spec.Workloads {
		if slices.ContainsFunc(w.Storage, func(s migration.Storage) bool { return s.Path != "" && inventory.Below(path, s.Path) }) {
			return true
		}
	}
	return false
}

// licence is LICENCE-HOST: a licence that is tied to a card's address or a host
// name ends with the machine.
func licence(_ look, m machine) opinion {
	var o opinion
	for _, l := range m.Host.Licences {
		o.blame(m, 0, "%s is of a licence manager", l)
		if strings.HasPrefix(l, "/") {
			o.command = "ls -l " + quote(l)
		}
	}
	return m.conclude(o, "no licence manager was seen", inventory.SubjectKernel, inventory.SubjectFiles)
}

// kernelSettings is KERNEL-SETTINGS: what somebody set on this machine, a node of
// the cluster does not have.
func kernelSettings(_ look, m machine) opinion {
	var o opinion
	for _, s := range m.Host.Sysctls {
		o.blame(m, 0, "%s sets %s to %s", s.File, s.Name, s.Value)
	}
	for _, mod := range m.Host.Modules {
		o.blame(m, 0, "the kernel module %s is loaded at boot", mod)
	}
	if m.Host.HugePages > 0 {
		o.blame(m, 0, "%s kept for applications", plural(m.Host.HugePages, "huge page"))
	}
	if m.Host.SELinux != "" {
		o.note(m, 0, "SELinux is %s", m.Host.SELinux)
	}
	if m.Host.AppArmor != "" {
		o.note(m, 0, "AppArmor profile %s", m.Host.AppArmor)
	}
	return m.conclude(o, "nobody changed the kernel's settings", inventory.SubjectKernel)
}

// localMail is LOCAL-MAIL: a pod has no mail server beside it, and what lies in
// this one's queue stays behind.
func localMail(_ look, m machine) opinion {
	var o opinion
	for _, s := range m.Stores {
		if s.Role == "mail" && s.Local && !s.Own {
			o.blame(m, 0, "sends mail through %s at %s, next door", s.Kind, s.Where)
		}
	}
	for _, p := range m.Processes {
		if slices.Contains([]string{"sendmail", "mail", "mailx", "msmtp"}, p.Name) {
			o.blame(m, p.Seen, "runs %s", p.Name)
		}
	}
	o.remedy = "send through a mail server that a pod can reach"
	return m.concludeOver(o, "it sends no mail through this machine", inventory.SubjectPeers, inventory.SubjectProcesses)
}

// sharedMemory is SHARED-MEMORY: memory that another application holds too does
// not reach into a pod. Its own processes may share what they like.
func sharedMemory(_ look, m machine) opinion {
	var o opinion
	for _, s := range m.Shared {
		if s.Outsider != "" {
			o.blame(m, 0, "shares %s memory %s (%s) with %s", s.Kind, s.Name, size(s.Bytes), s.Outsider)
			continue
		}
		o.note(m, 0, "its own processes share %s memory %s (%s)", s.Kind, s.Name, size(s.Bytes))
	}
	return m.conclude(o, "it shares no memory with others", inventory.SubjectShared)
}

// sharedMachine is SHARED-VM: others live on the machine, so that it is not free
// when this application has left.
func sharedMachine(_ look, m machine) opinion {
	var o opinion
	for _, other := range m.Host.Others {
		o.blame(m, 0, "%s runs here too", other)
	}
	return m.conclude(o, "nothing else of note runs on the machine", inventory.SubjectKernel)
}

// asRoot is RUN-AS-ROOT: pods are made to run as another user.
func asRoot(_ look, m machine) opinion {
	var o opinion
	for _, p := range m.Processes {
		if p.UID == 0 && !p.Container {
			o.blame(m, p.Seen, "%s (%d) runs as root", p.Name, p.PID)
		}
	}
	o.remedy = "let the image have a user of its own (USER), and give that one the files"
	return m.conclude(o, "no process of it runs as root", inventory.SubjectProcesses)
}

// capabilities is CAPABILITIES: rights that somebody gave to a process that is
// not root. What root has by itself says nothing about what it needs, and a low
// port is PORT-PRIVILEGED's affair.
func capabilities(_ look, m machine) opinion {
	var o opinion
	for _, p := range m.Processes {
		if p.UID == 0 {
			continue
		}
		for _, c := range p.Capabilities {
			if c != "CAP_NET_BIND_SERVICE" {
				o.blame(m, p.Seen, "%s (%d) has %s", p.Name, p.PID, c)
			}
		}
	}
	return m.conclude(o, "no process has rights of its own", inventory.SubjectProcesses)
}
