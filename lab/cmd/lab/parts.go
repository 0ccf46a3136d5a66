package main

import (
	"rehome.dev/rehome/lab/app"
	"rehome.dev/rehome/lab/client"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/dns"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/prometheus"
	"rehome.dev/rehome/lab/registry"
	"rehome.dev/rehome/lab/vm"
)

// stages are all parts of the lab. Those of one stage come up together, after all
// of the stage before.
func stages(lab *part.Lab) [][]part.Part {
	return [][]part.Part{
		{network.New(lab)},
		{cluster.New(lab), vm.New(lab), dns.New(lab), registry.New(lab)},
		{app.New(lab)},
		{prometheus.New(lab), client.New(lab)},
	}
}
