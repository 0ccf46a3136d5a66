package v1alpha1

// Security is how the pods of a workload are held. Without exceptions they run as
// no root, write nowhere but into volumes, and have no capability.
type Security struct {
	// The user as which the processes run; omitted, the image's.
	RunAsUser int64 `json:"runAsUser,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	// The group as which the processes run; omitted, the image's.
	RunAsGroup int64 `json:"runAsGroup,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	// The group to which the volumes belong; omitted, one is chosen where there is
	// storage.
	FSGroup int64 `json:"fsGroup,omitempty" jsonschema:"minimum=1,maximum=4294967295"`
	// What the pods may do beyond the rule.
	Exceptions []SecurityException `json:"exceptions,omitempty"`
}

// SecurityException is one thing that pods may do beyond the rule.
type SecurityException struct {
	// root (run as user 0), writable-root (write to the image's file system), or a
	// capability such as NET_BIND_SERVICE.
	Allow string `json:"allow" jsonschema:"required"`
	// The fact for which they must.
	Because string `json:"because" jsonschema:"required"`
}

// Autoscale makes a HorizontalPodAutoscaler. A share is of what the pods request.
type Autoscale struct {
	// The fewest pods.
	Min int32 `json:"min" jsonschema:"required,minimum=1,maximum=1000"`
	// The most pods.
	Max int32 `json:"max" jsonschema:"required,minimum=1,maximum=1000"`
	// The share of the requested CPU, in percent, at which pods are added. Without
	// memory it is 70 where it is omitted.
	CPU int32 `json:"cpu,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// The share of the requested memory, in percent, at which pods are added.
	Memory int32 `json:"memory,omitempty" jsonschema:"minimum=1,maximum=1000"`
}

// NetworkPolicy lets the pods reach what is listed, ask for names, and reach each
// other; nothing else.
type NetworkPolicy struct {
	// What the pods may dial; omitted, the peers that facts have seen.
	To []NetworkPeer `json:"to,omitempty"`
	// The namespaces from which the pods' ports may be reached; omitted, from
	// everywhere.
	From []string `json:"from,omitempty"`
}

// NetworkPeer is what pods may dial.
type NetworkPeer struct {
	// An address, or a network such as 192.0.2.0/24.
	CIDR string `json:"cidr" jsonschema:"required"`
	// The port.
	Port int32 `json:"port" jsonschema:"required,minimum=1,maximum=65535"`
	// Over what it is dialled.
	Protocol string `json:"protocol,omitempty" jsonschema:"enum=TCP,enum=UDP,default=TCP"`
	// What it is, for people.
	What string `json:"what,omitempty"`
}

// Ingress says how an Ingress is made; only where target.exposure is Ingress.
type Ingress struct {
	// The IngressClass; omitted, the cluster's default.
	Class string `json:"class,omitempty"`
	// Name of the Secret with the certificate; omitted, the workload's name with
	// -tls behind it.
	TLSSecret string `json:"tlsSecret,omitempty"`
	// A ClusterIssuer of cert-manager that is asked for the certificate.
	Issuer string `json:"issuer,omitempty"`
}

// Gateway names the Gateway that leads to the application; only where
// target.exposure is Gateway. TLS ends at its listener.
type Gateway struct {
	// Name of the Gateway.
	Name string `json:"name" jsonschema:"required"`
	// Its namespace; omitted, that of the application.
	Namespace string `json:"namespace,omitempty"`
	// The listener to attach to; omitted, all that take the route.
	Listener string `json:"listener,omitempty"`
}
