package workload

import (
	"net/netip"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// clustered are the stores whose instances begin one after the other, or find each
// other by name, once there is more than one.
var clustered = []string{"postgresql", "mysql", "mariadb", "mongodb", "redis", "rabbitmq", "kafka", "zookeeper", "etcd", "elasticsearch", "opensearch", "cassandra", "clickhouse", "nats", "consul"}

// ownStores are the kinds of store that the application is itself, each once.
func (l look) ownStores() []string {
	var out []string
	for _, m := range l.machines {
		for _, s := range m.Stores {
			if s.Own && !slices.Contains(out, s.Kind) {
				out = append(out, s.Kind)
			}
		}
	}
	return out
}

// store fires where the application is itself what others keep their state in. A
// plain cache is left to what it writes and whom it knows.
func store(l look) (Finding, bool) {
	seen := l.stores(func(s inventory.Store) bool { return s.Own && s.Kind != "memcached" })
	kinds := slices.DeleteFunc(l.ownStores(), func(k string) bool { return k == "memcached" })
	return Finding{RuleStore, "it is itself a store: " + strings.Join(kinds, ", "), seen}, len(seen) > 0
}

// order fires where it is a store of a kind whose instances begin one after the
// other, and there are several of them.
func order(l look) (Finding, bool) {
	if len(l.machines) < 2 && l.w.Replicas < 2 {
		return Finding{}, false
	}
	seen := l.stores(func(s inventory.Store) bool { return s.Own && slices.Contains(clustered, s.Kind) })
	return Finding{RuleOrder, "several instances of such a store begin one after the other", seen}, len(seen) > 0
}

// identity fires where instances are known by name or address: they dial each
// other where they listen themselves, speak to a group, or their clients share them
// out by address. Settings that name the machine are no such sign: most of them are
// an address to listen on.
func identity(l look) (Finding, bool) {
	var seen []Evidence
	for i, m := range l.machines {
		for _, p := range m.Peers {
			if p.Direction != inventory.Dialled || p.Local {
				continue
			}
			for j, other := range l.machines {
				if i != j && isMachine(other, p) && listens(other, p.Port) {
					seen = append(seen, evidence(m, p.Seen, "dials its other instance %s at port %d", called(other), p.Port))
				}
			}
		}
		for _, s := range m.Listeners {
			if s.Multicast {
				seen = append(seen, evidence(m, s.Seen, "listens to the group %s at port %d", s.Address, s.Port))
			}
		}
	}
	seen = append(seen, l.stores(func(s inventory.Store) bool { return s.Own && s.Kind == "memcached" })...)
	return Finding{RuleIdentity, "its instances are known by name or address", seen}, len(seen) > 0
}

func listens(m inventory.Facts, port int) bool {
	return slices.ContainsFunc(m.Listeners, func(l inventory.Listener) bool { return l.Port == port })
}

// twins fires where several machines run it and do not know each other.
func twins(l look) (Finding, bool) {
	if _, known := identity(l); known || len(l.machines) < 2 {
		return Finding{}, false
	}
	var seen []Evidence
	for _, m := range l.machines {
		if ok, _ := m.Saw(inventory.SubjectPeers); !ok {
			return Finding{}, false
		}
		for _, p := range m.Proxies {
			if p.Sticky != "" {
				return Finding{}, false
			}
		}
		seen = append(seen, evidence(m, 0, "runs it, and dials none of the other machines"))
	}
	return Finding{RuleTwins, "several machines run it, and one is as good as another", seen}, true
}

// isMachine says whether a peer is that machine, by address or name.
func isMachine(m inventory.Facts, p inventory.Peer) bool {
	if p.Name != "" && m.Host.Name != "" && strings.EqualFold(strings.TrimSuffix(p.Name, "."), m.Host.Name) {
		return true
	}
	at, err := netip.ParseAddr(p.Address)
	if err != nil {
		return p.Address != "" && strings.EqualFold(p.Address, m.Host.Name)
	}
	for _, i := range m.Host.Interfaces {
		for _, a := range i.Addresses {
			bare, _, _ := strings.Cut(a, "/")
			if have, err := netip.ParseAddr(bare); err == nil && have.Unmap() == at.Unmap() && !have.IsLoopback() {
				return true
			}
		}
	}
	return false
}

// operators are kept by the projects themselves or by a company that lives of them;
// the first name that fits counts.
var operators = map[string]string{
	"postgresql":    "CloudNativePG",
	"mysql":         "Percona Operator for MySQL, or Oracle's MySQL Operator",
	"mariadb":       "mariadb-operator",
	"redis":         "the Redis operator of OT-CONTAINER-KIT, or Redis Enterprise's",
	"rabbitmq":      "RabbitMQ Cluster Operator",
	"kafka":         "Strimzi",
	"zookeeper":     "Strimzi for Kafka, which needs none any more",
	"elasticsearch": "Elastic Cloud on Kubernetes (ECK)",
	"opensearch":    "OpenSearch Kubernetes Operator",
	"mongodb":       "MongoDB Controllers for Kubernetes, or Percona Operator for MongoDB",
	"cassandra":     "K8ssandra",
	"clickhouse":    "Altinity's clickhouse-operator",
	"etcd":          "etcd-operator, which is young",
}

// operator names one that would serve better than a bare StatefulSet.
func (l look) operator() *Operator {
	for _, kind := range l.ownStores() {
		if name, ok := operators[kind]; ok {
			return &Operator{Store: kind, Name: name,
				Why: "a StatefulSet begins pods and keeps their volumes; it makes no backup, no failover and no upgrade of what is in them"}
		}
	}
	return nil
}
