package inventory

import (
	"strings"
	"time"
)

// Listener is one socket on which the application waits.
type Listener struct {
	Protocol string `json:"protocol"` // tcp, tcp6, udp, udp6
	Address  string `json:"address"`
	Port     int    `json:"port"`
	PIDs     []int  `json:"pids,omitempty"`
	// Loopback: only the machine itself can reach it. Bound: to one address of it.
	Loopback   bool `json:"loopback,omitempty"`
	Bound      bool `json:"bound,omitempty"`
	Privileged bool `json:"privileged,omitempty"` // below 1024
	Multicast  bool `json:"multicast,omitempty"`
	Activated  bool `json:"activated,omitempty"` // systemd holds it
	Seen       int  `json:"seen"`
}

// Direction is who opened a connection.
type Direction string

// Dialled by the application, or accepted by it.
const (
	Dialled  Direction = "dialled"
	Accepted Direction = "accepted"
)

// Peer is the other end of connections of the application. Accepted peers are
// one entry per address, without their changing ports; the address "*" sums up
// those that are too many to be listed.
type Peer struct {
	Direction Direction `json:"direction"`
	Protocol  string    `json:"protocol"`
	Address   string    `json:"address"`
	Port      int       `json:"port"` // the peer's where dialled, the application's where accepted
	// Name is what the address is called where that is known, and NameFrom by
	// whom: hosts, ptr, configuration.
	Name     string `json:"name,omitempty"`
	NameFrom string `json:"nameFrom,omitempty"`
	Process  string `json:"process,omitempty"` // of a peer on this machine
	Local    bool   `json:"local,omitempty"`   // loopback or an address of this machine
	PIDs     []int  `json:"pids,omitempty"`
	Most     int    `json:"most"` // connections at once
	Seen     int    `json:"seen"`
	Count    int    `json:"count"` // different connections seen
}

// Store is a database, queue, cache or mail server that the application uses.
type Store struct {
	Kind  string `json:"kind"` // postgresql, mysql, redis, memcached, rabbitmq, kafka, mongodb, elasticsearch, ldap, smtp …
	Role  string `json:"role"` // database, queue, cache, mail, directory, other
	Where string `json:"where"`
	Local bool   `json:"local"` // on this machine: next door
	Own   bool   `json:"own,omitempty"`
	Why   string `json:"why"` // by what it was recognised
}

// UnixSocket is a socket of the file system or the abstract namespace.
type UnixSocket struct {
	Path      string `json:"path"` // "@name" is abstract
	Listening bool   `json:"listening,omitempty"`
	Peer      string `json:"peer,omitempty"` // process at the other end
	Shared    bool   `json:"shared"`         // with a process that is not of the application
	PIDs      []int  `json:"pids,omitempty"`
}

// SharedMemory is memory that several processes have in common.
type SharedMemory struct {
	Kind     string `json:"kind"` // sysv, posix, mapped
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	PIDs     []int  `json:"pids,omitempty"`
	Outsider string `json:"outsider,omitempty"` // a process that is not of the application and has it too
}

// Proxy is a web server or balancer on this machine in front of the application,
// or the application itself where it passes requests on, from its own configuration.
type Proxy struct {
	Kind    string `json:"kind"` // nginx, haproxy, apache
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Listens string `json:"listens,omitempty"`
	// Backends are where it leads; To those that are this application.
	Backends []string `json:"backends,omitempty"`
	Sticky   string   `json:"sticky,omitempty"` // ip_hash, cookie SERVERID insert
	TLS      bool     `json:"tls,omitempty"`
	Own      bool     `json:"own,omitempty"` // the application itself: Backends are whom it dials
}

// ProxyKind is the kind of proxy that a program is by the name of its file, empty
// for one that is none.
func ProxyKind(program string) string {
	switch program[strings.LastIndexByte(program, '/')+1:] {
	case "nginx", "openresty":
		return "nginx"
	case "haproxy":
		return "haproxy"
	case "apache2", "httpd":
		return "apache"
	}
	return ""
}

// Traffic is what an access log says of a span of time.
type Traffic struct {
	Log      string    `json:"log"`
	Format   string    `json:"format"` // common, combined, json, haproxy, tomcat
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"` // status 500 and above
	Unparsed uint64    `json:"unparsed,omitempty"`
	// Latency is known only where the format has the time taken.
	Latency *Quantiles `json:"latencyMicros,omitempty"`
	Peers   int        `json:"peers,omitempty"` // different client addresses
}

// HealthAnswer is what one path of the application answered.
type HealthAnswer struct {
	URL    string `json:"url"`
	Path   string `json:"path"`
	Status int    `json:"status,omitempty"`
	Err    string `json:"err,omitempty"`
	Micros int64  `json:"micros,omitempty"`
}
