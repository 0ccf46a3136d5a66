package vm

import "rehome.dev/rehome/internal/agent"

// here takes facts on this machine, in this process: with what the agent has.
var here = agent.Probe
