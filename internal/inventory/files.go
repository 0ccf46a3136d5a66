package inventory

// FileClass is what a file is to the application.
type FileClass string

// The classes of files. Other is what no rule knows.
const (
	FileConfig  FileClass = "configuration"
	FileLog     FileClass = "log"
	FileData    FileClass = "data"
	FileSession FileClass = "session"
	FileTemp    FileClass = "temp"
	FileProgram FileClass = "program" // executables, libraries, what belongs to packages and is only read
	FileDevice  FileClass = "device"
	FileOther   FileClass = "other"
)

// File is one file that the application was seen to use.
type File struct {
	Path  string    `json:"path"` // see Name
	Class FileClass `json:"class"`
	// Why names the rule that gave it its class.
	Why string `json:"why,omitempty"`
	// By says how it was seen: fd, map, argument, unit, tree (it is only there, below
	// a directory of settings), event (written and closed between samples), atime, mtime.
	By      []string `json:"by"`
	Read    bool     `json:"read,omitempty"`
	Written bool     `json:"written,omitempty"` // opened for writing, or grown
	Deleted bool     `json:"deleted,omitempty"` // open although it has no name any more
	AtStart bool     `json:"atStart,omitempty"` // seen in the first sample, or named by the command line or unit
	Seen    int      `json:"seen,omitempty"`    // samples
	PIDs    []int    `json:"pids,omitempty"`
	Size    int64    `json:"sizeBytes,omitempty"`
	// Growth is bytes per hour over the samples, where it was seen to grow.
	Growth  int64  `json:"growthBytesPerHour,omitempty"`
	Mount   string `json:"mount,omitempty"`   // mount point below which it is
	FSType  string `json:"fsType,omitempty"`  // nfs4, ext4, tmpfs
	Package string `json:"package,omitempty"` // it belongs to
	Edited  bool   `json:"edited,omitempty"`  // a package's configuration, changed on this machine
}

// FileGroup sums up files of one directory that are too many to be listed.
type FileGroup struct {
	Directory string    `json:"directory"`
	Class     FileClass `json:"class"`
	Count     int       `json:"count"`
	Written   int       `json:"written,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	Created   int       `json:"created,omitempty"` // appeared while it was looked at
	Why       string    `json:"why,omitempty"`
}

// SinkKind is where log lines go.
type SinkKind string

// The sinks. Stdout is anything on file descriptors 1 and 2 that systemd or a
// supervisor takes up.
const (
	SinkStdout  SinkKind = "stdout"
	SinkFile    SinkKind = "file"
	SinkSyslog  SinkKind = "syslog"  // /dev/log
	SinkJournal SinkKind = "journal" // the journal's native socket
	SinkPipe    SinkKind = "pipe"    // to another process: a log rotator
	SinkNull    SinkKind = "null"
	SinkNetwork SinkKind = "network" // a log collector over the network
)

// LogSink is one place to which the application writes its log.
type LogSink struct {
	Kind   SinkKind `json:"kind"`
	To     string   `json:"to,omitempty"` // path, program behind the pipe, address
	PIDs   []int    `json:"pids,omitempty"`
	Growth int64    `json:"growthBytesPerHour,omitempty"`
	Seen   int      `json:"seen,omitempty"`
	// Access says that it is an access log, in which format.
	Access string `json:"access,omitempty"`
}

// Tree is one configuration directory with everything below it. Digests are
// keyed (HMAC-SHA-256) with a key that was never written down: equal digests mean
// equal content only under the same KeyID, and nothing can be guessed from them.
type Tree struct {
	Path      string      `json:"path"`
	KeyID     string      `json:"keyId"`
	Missing   bool        `json:"missing,omitempty"`
	Entries   []TreeEntry `json:"entries,omitempty"`
	Truncated int         `json:"truncated,omitempty"` // entries left out
}

// TreeEntry is one file, directory or link. Path is relative to the tree.
type TreeEntry struct {
	Path   string `json:"path"`
	Mode   string `json:"mode"` // as ls prints it: -rw-r-----
	Owner  string `json:"owner"`
	Size   int64  `json:"sizeBytes"`
	Link   string `json:"link,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Keys are keyed digests of its settings by key path, where the format is
	// known: they name which setting differs without telling what it is.
	Keys       map[string]string `json:"keys,omitempty"`
	Unreadable string            `json:"unreadable,omitempty"`
	// PerHost says that it names this machine: its host name or address.
	PerHost bool `json:"perHost,omitempty"`
}

// SecretPlace is where a secret stands: never what it is.
type SecretPlace struct {
	File string `json:"file,omitempty"` // path; empty where it is an environment variable or argument
	Line int    `json:"line,omitempty"`
	Key  string `json:"key"`  // key path, name of the variable, or position of the argument
	Rule string `json:"rule"` // why it was taken for one
	In   string `json:"in"`   // file, environment, argument, unit
}

// Literal is an address that stands in the configuration instead of a name.
type Literal struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key,omitempty"`
	Address string `json:"address"` // IP address, without anything around it
}
