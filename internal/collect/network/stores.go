package network

import (
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

// store is how a kind of server is recognised: by the name of its process, by
// the path of its unix socket, by the port that IANA or its makers gave it.
type store struct {
	kind, role string
	ports      []int
	processes  []string // patterns of path.Match
	sockets    []string // of the last part of a path
}

func stores() []store {
	return []store{
		{"postgresql", "database", []int{5432, 5433, 6432}, []string{"postgres", "postmaster", "pgbouncer"}, []string{".s.PGSQL.*"}},
		{"mysql", "database", []int{3306, 33060}, []string{"mysqld", "mariadbd", "mysqld_safe"}, []string{"mysql*.sock", "mariadb*.sock"}},
		{"oracle", "database", []int{1521}, []string{"tnslsnr", "ora_*"}, nil},
		{"mssql", "database", []int{1433}, []string{"sqlservr"}, nil},
		{"db2", "database", []int{50000}, []string{"db2sysc"}, nil},
		{"mongodb", "database", []int{27017, 27018, 27019}, []string{"mongod", "mongos"}, []string{"mongodb-*.sock"}},
		{"cassandra", "database", []int{9042}, nil, nil},
		{"couchdb", "database", []int{5984}, nil, nil},
		{"clickhouse", "database", nil, []string{"clickhouse*"}, nil},
		{"influxdb", "database", []int{8086}, []string{"influxd"}, nil},
		{"elasticsearch", "database", []int{9200, 9300}, nil, nil},
		{"firebird", "database", []int{3050}, []string{"firebird"}, nil},
		{"redis", "cache", []int{6379, 26379}, []string{"redis-server", "valkey-server", "redis-sentinel"}, []string{"redis*.sock", "valkey*.sock"}},
		{"memcached", "cache", []int{11211}, []string{"memcached"}, []string{"memcached*"}},
		{"rabbitmq", "queue", []int{5672, 5671}, nil, nil},
		{"kafka", "queue", []int{9092, 9093}, nil, nil},
		{"activemq", "queue", []int{61616}, nil, nil},
		{"ibm-mq", "queue", []int{1414}, []string{"amqrmppa", "runmqlsr"}, nil},
		{"nats", "queue", []int{4222}, []string{"nats-server"}, nil},
		{"mosquitto", "queue", []int{1883, 8883}, []string{"mosquitto"}, nil},
		{"beanstalkd", "queue", []int{11300}, []string{"beanstalkd"}, nil},
		{"ldap", "directory", []int{389, 636, 3268, 3269}, []string{"slapd", "ns-slapd"}, []string{"ldapi"}},
		{"kerberos", "directory", []int{88}, []string{"krb5kdc"}, nil},
		{"smtp", "mail", []int{25, 465, 587}, []string{"exim4", "exim", "sendmail*", "smtpd", "opensmtpd"}, nil},
		{"imap", "mail", []int{143, 993}, []string{"dovecot"}, nil},
		{"zookeeper", "other", []int{2181}, nil, nil},
		{"etcd", "other", []int{2379}, []string{"etcd"}, nil},
		{"consul", "other", []int{8500}, []string{"consul"}, nil},
		{"vault", "other", []int{8200}, []string{"vault"}, nil},
		{"minio", "other", nil, []string{"minio"}, nil},
		{"nfs", "other", []int{2049}, nil, nil},
		{"ftp", "other", []int{21}, []string{"vsftpd", "proftpd"}, nil},
	}
}

func (t store) runsAs(process string) bool { return fits(t.processes, process) }
func (t store) waitsAt(socket string) bool { return fits(t.sockets, path.Base(socket)) }
func (t store) listensOn(port int) bool    { return slices.Contains(t.ports, port) }
func fits(patterns []string, n string) bool {
	return n != "" && slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, n); return ok && err == nil })
}

// recognise tells what kind of store is behind a name, a path and a port: the
// name of the process counts first, since a port may be anybody's. By is empty
// where it is none.
func recognise(process, socket string, port int) (found store, by string) {
	for _, t := range stores() {
		if t.runsAs(process) {
			return t, "the process " + process
		}
	}
	for _, t := range stores() {
		if socket != "" && t.waitsAt(socket) {
			return t, "the path of its socket"
		}
	}
	for _, t := range stores() {
		if port > 0 && t.listensOn(port) {
			return t, "port " + strconv.Itoa(port)
		}
	}
	return store{}, ""
}

// tellStores draws the stores from the peers and sockets that are told already.
func (c *Collector) tellStores(s *scope.Scope, f *inventory.Facts) {
	add := func(t store, by, where string, local, own bool) {
		if by == "" || slices.ContainsFunc(f.Stores, func(x inventory.Store) bool { return x.Kind == t.kind && x.Where == where }) {
			return
		}
		f.Stores = append(f.Stores, inventory.Store{Kind: t.kind, Role: t.role, Where: where, Local: local, Own: own, Why: "known by " + by})
	}
	mine := map[string]bool{}
	for pid := range s.Ever {
		mine[inventory.Name(descriptor.Name(s.Proc, pid))] = true
	}
	for _, l := range f.Listeners {
		for _, process := range sortedKeys(mine) {
			t, by := recognise(process, "", 0)
			if by == "" && manifold(process) {
				t, by = recognise("", "", l.Port)
			}
			if by != "" && (t.listensOn(l.Port) || len(f.Listeners) == 1) {
				add(t, by, net.JoinHostPort(l.Address, strconv.Itoa(l.Port)), true, true)
			}
		}
	}
	for _, p := range f.Peers {
		if p.Direction != inventory.Dialled || p.Local && c.itself(p) {
			continue
		}
		if t, by := recognise(p.Process, "", p.Port); by != "" {
			where := p.Address
			if p.Name != "" {
				where = p.Name
			}
			add(t, by, net.JoinHostPort(where, strconv.Itoa(p.Port)), p.Local, false)
		}
	}
	for _, u := range f.Sockets {
		switch t, by := recognise("", u.Path, 0); {
		case u.Listening:
			add(t, by, u.Path, true, true)
		default:
			if by == "" && u.Shared {
				t, by = recognise(u.Peer, "", 0)
			}
			add(t, by, u.Path, true, !u.Shared && u.Peer == "" && !strings.HasPrefix(u.Path, "@") && c.unixOwn(u.Path))
		}
	}
	slices.SortFunc(f.Stores, func(a, b inventory.Store) int {
		return compare(strings.Compare(a.Role, b.Role), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Where, b.Where))
	})
}

// manifold says that a process is called by its runtime, or as many are: then the
// port has to tell.
func manifold(process string) bool {
	return process == "java" || process == "beam.smp" || process == "master"
}

// itself says that a peer of this machine is the application.
func (c *Collector) itself(p inventory.Peer) bool {
	for k := range c.listeners {
		if int(k.at.Port()) == p.Port && (k.at.Addr().IsUnspecified() || k.at.Addr().String() == p.Address) {
			return true
		}
	}
	return false
}

// unixOwn says that the application itself waits at a path.
func (c *Collector) unixOwn(path string) bool {
	for _, end := range c.unix.seen {
		if end.listening && inventory.Name(end.path) == path {
			return true
		}
	}
	return false
}

// collectors are the ports of log collectors on the network: syslog, syslog over
// TLS, fluentd, GELF, beats.
func collectors() map[int]string {
	return map[int]string{514: "syslog", 601: "syslog", 1514: "syslog", 6514: "syslog", 24224: "fluentd", 12201: "gelf", 5044: "beats"}
}

// tellLogs adds the log collectors among the peers.
func tellLogs(f *inventory.Facts) {
	for _, p := range f.Peers {
		if kind := collectors()[p.Port]; kind != "" && p.Direction == inventory.Dialled {
			f.Logs = append(f.Logs, inventory.LogSink{
				Kind: inventory.SinkNetwork, To: kind + " " + net.JoinHostPort(p.Address, strconv.Itoa(p.Port)), PIDs: p.PIDs, Seen: p.Seen,
			})
		}
	}
}
