package inventory

import "time"

// Unit is the systemd unit of the application, as `systemctl show` gives it with
// all drop-ins applied.
type Unit struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Path        string   `json:"path,omitempty"` // the unit's file
	DropIns     []string `json:"dropIns,omitempty"`
	Type        string   `json:"type,omitempty"`
	State       string   `json:"state,omitempty"` // active/running
	MainPID     int      `json:"mainPid,omitempty"`
	User        string   `json:"user,omitempty"` // "" is root
	// Start are the command lines of ExecStart, without secrets.
	Start            []string      `json:"start,omitempty"`
	EnvironmentFiles []string      `json:"environmentFiles,omitempty"`
	StandardOutput   string        `json:"standardOutput,omitempty"`
	StandardError    string        `json:"standardError,omitempty"`
	KillSignal       string        `json:"killSignal,omitempty"`
	TimeoutStop      time.Duration `json:"timeoutStopNanos,omitempty"` // 0 is for ever
	Restarts         int           `json:"restarts,omitempty"`
	StartedAt        time.Time     `json:"startedAt,omitzero"`
	// Boot is how long the last start took until systemd took the unit for
	// active; only Type=notify, forking, oneshot and dbus say more than nothing.
	Boot time.Duration `json:"bootNanos,omitempty"`
	// Activates are the sockets, timers and paths that start the unit.
	TriggeredBy []string `json:"triggeredBy,omitempty"`
	// Settings are all properties that are not empty, without secrets.
	Settings map[string]string `json:"settings,omitempty"`
}

// Process is one process of the application. Forks of it that were seen only
// once are here too; Seen says in how many samples.
type Process struct {
	PID          int           `json:"pid"`
	Parent       int           `json:"parent"`
	Name         string        `json:"name"`
	Command      []string      `json:"command,omitempty"` // without secrets
	Executable   string        `json:"executable,omitempty"`
	Replaced     bool          `json:"replaced,omitempty"` // the executable was deleted or replaced since the start
	Root         string        `json:"root,omitempty"`     // other than "/": a chroot
	Container    bool          `json:"container,omitempty"`
	User         string        `json:"user,omitempty"`
	UID          int           `json:"uid"`
	Started      time.Time     `json:"started,omitzero"`
	Threads      int           `json:"threads,omitempty"`
	Main         bool          `json:"main,omitempty"`
	Signals      Signals       `json:"signals"`
	Capabilities []string      `json:"capabilities,omitempty"` // effective, CAP_…
	Limits       []Limit       `json:"limits,omitempty"`
	OpenFiles    int           `json:"openFiles,omitempty"` // highest seen
	Seen         int           `json:"seen"`
	Ended        bool          `json:"ended,omitempty"` // during the probe
	CPU          time.Duration `json:"cpuNanos,omitempty"`
}

// Signals are what a process does with signals, from the masks of
// /proc/PID/status, by name: SIGTERM.
type Signals struct {
	Known   bool     `json:"known"`
	Caught  []string `json:"caught,omitempty"`
	Ignored []string `json:"ignored,omitempty"`
	Blocked []string `json:"blocked,omitempty"`
}

// Limit is one resource limit that differs from the system's default, as
// /proc/PID/limits prints it.
type Limit struct {
	Name string `json:"name"`
	Soft string `json:"soft"`
	Hard string `json:"hard"`
}

// Program is one executable of the application, and how it came to the machine.
type Program struct {
	Path     string `json:"path"`
	Package  string `json:"package,omitempty"` // name and version; empty: installed by no package
	Language string `json:"language,omitempty"`
	// Runtime is the interpreter or virtual machine and its version, Framework
	// what it was recognised by: gunicorn, tomcat, php-fpm.
	Runtime   string    `json:"runtime,omitempty"`
	Framework string    `json:"framework,omitempty"`
	Options   []string  `json:"options,omitempty"` // of the JVM and the like, without secrets
	Static    bool      `json:"static,omitempty"`
	Libraries []Library `json:"libraries,omitempty"`
	PIDs      []int     `json:"pids,omitempty"`
}

// Library is one shared library: needed by the ELF header or mapped at run time.
type Library struct {
	Path    string `json:"path"`
	Package string `json:"package,omitempty"`
	Mapped  bool   `json:"mapped,omitempty"`
	Missing bool   `json:"missing,omitempty"` // needed, and nowhere
}

// Variable is the name of an environment variable, and where it comes from.
// There is no field for its value.
type Variable struct {
	Name   string `json:"name"`
	Origin string `json:"origin"`           // process, unit, or the path of an environment file
	Secret bool   `json:"secret,omitempty"` // looks like one
	Empty  bool   `json:"empty,omitempty"`
}
