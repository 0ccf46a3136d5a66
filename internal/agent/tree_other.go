//go:build !linux

package agent

func sparing() {}
