//go:build !linux

package config

const noAtime = 0
