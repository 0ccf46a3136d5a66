package cluster

import "k8s.io/client-go/rest"

// Config is how the cluster is reached, for adapters that keep something of their own
// in it. It is read anew at each call.
func (c *Cluster) Config() (*rest.Config, error) { return c.restConfig() }
