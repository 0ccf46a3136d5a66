//go:build !linux

package forward

import "net"

func bounded(asked int, _ func(string, ...any)) int { return asked }

func await(net.Conn) {}
