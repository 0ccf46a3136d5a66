//go:build !linux

package files

import "rehome.dev/rehome/internal/collect/scope"

type events struct{}

func (*events) listen(*scope.Scope, mounts, int, string) {}
func (*events) end()                                     {}
func (*Collector) hear(*scope.Scope)                     {}
