package main

import (
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// stages are all parts of the lab. Those of one stage come up together, after all
// of the stage before.
func stages(lab *part.Lab) [][]part.Part {
	return [][]part.Part{
		{network.New(lab)},
		{cluster.New(lab)},
	}
}
