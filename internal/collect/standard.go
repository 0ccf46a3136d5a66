//go:build linux

package collect

import (
	"rehome.dev/rehome/internal/collect/config"
	"rehome.dev/rehome/internal/collect/files"
	"rehome.dev/rehome/internal/collect/health"
	"rehome.dev/rehome/internal/collect/host"
	"rehome.dev/rehome/internal/collect/network"
	"rehome.dev/rehome/internal/collect/process"
	"rehome.dev/rehome/internal/collect/program"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/collect/traffic"
	"rehome.dev/rehome/internal/collect/unit"
)

// Standard are all collectors. Each finds in the facts what those before it have
// put there.
func Standard() []scope.Collector {
	return []scope.Collector{
		unit.New(),
		process.New(),
		process.NewEnvironment(),
		program.New(),
		files.New(),
		network.New(),
		host.New(),
		config.New(),
		traffic.New(),
		health.New(),
	}
}
