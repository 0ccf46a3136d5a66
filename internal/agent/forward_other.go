//go:build !linux

package agent

import "context"

func slim(context.Context) {}
