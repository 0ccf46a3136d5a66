package inventory

import "time"

// Host is the machine.
type Host struct {
	Name      string    `json:"name"`
	OS        string    `json:"os"` // PRETTY_NAME of os-release
	Kernel    string    `json:"kernel"`
	Arch      string    `json:"arch"`
	Virtual   string    `json:"virtual,omitempty"` // kvm, vmware, systemd-nspawn; empty is unknown
	BootedAt  time.Time `json:"bootedAt,omitzero"`
	CPUs      int       `json:"cpus"`
	Memory    int64     `json:"memoryBytes"`
	Init      string    `json:"init,omitempty"` // systemd, sysv, supervisord
	TimeZone  string    `json:"timeZone,omitempty"`
	ClockSync string    `json:"clockSync,omitempty"`
	// Others are units and processes with listeners that are not of the application.
	Others     []string    `json:"others,omitempty"`
	Interfaces []Interface `json:"interfaces,omitempty"`
	Hosts      []HostEntry `json:"hosts,omitempty"`
	// Sysctls are kernel settings that somebody set in /etc/sysctl.*.
	Sysctls    []Sysctl `json:"sysctls,omitempty"`
	SELinux    string   `json:"selinux,omitempty"`  // enforcing, permissive, disabled
	AppArmor   string   `json:"apparmor,omitempty"` // profile of the main process
	Modules    []string `json:"modules,omitempty"`  // kernel modules somebody loads at boot
	HugePages  int      `json:"hugePages,omitempty"`
	Licences   []string `json:"licences,omitempty"` // files and processes of licence managers
	Multicasts []string `json:"multicasts,omitempty"`
}

// Interface is one network card.
type Interface struct {
	Name      string   `json:"name"`
	MAC       string   `json:"mac,omitempty"`
	Addresses []string `json:"addresses,omitempty"` // with the prefix length
	Up        bool     `json:"up"`
}

// HostEntry is a line of /etc/hosts that is not of the installation.
type HostEntry struct {
	Address string   `json:"address"`
	Names   []string `json:"names"`
	Used    bool     `json:"used,omitempty"` // a peer has this address, or the configuration this name
}

// Sysctl is one kernel setting.
type Sysctl struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"file"`
}

// Mount is one mounted file system on which files of the application are.
type Mount struct {
	Point  string `json:"point"`
	Source string `json:"source"`
	FSType string `json:"fsType"`
	// Network: nfs, cifs, glusterfs, ceph. Block: a device of its own.
	Network  bool     `json:"network,omitempty"`
	Block    bool     `json:"block,omitempty"`
	ReadOnly bool     `json:"readOnly,omitempty"`
	Options  []string `json:"options,omitempty"`
	Size     int64    `json:"sizeBytes,omitempty"`
	Used     int64    `json:"usedBytes,omitempty"`
}

// Schedule is something that runs by time.
type Schedule struct {
	Kind    string    `json:"kind"` // timer, cron, at, anacron, logrotate
	Name    string    `json:"name"` // unit, or file and line
	When    string    `json:"when"`
	User    string    `json:"user,omitempty"`
	Command string    `json:"command,omitempty"` // without secrets
	Next    time.Time `json:"next,omitzero"`
	// Related: it runs the application's programs, as its user or in its
	// directories. What is not related is listed, and is not the application's.
	Related bool   `json:"related"`
	Why     string `json:"why,omitempty"`
}
