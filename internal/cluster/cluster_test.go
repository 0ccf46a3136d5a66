package cluster_test

import (
	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/engine"
)

var _ engine.Cluster = (*cluster.Cluster)(nil)
