//go:build !linux

package host

import (
	"context"
	"errors"
)

func architecture() string { return "" }

func clockState() string { return "" }

func usage(context.Context, string) (int64, int64, error) {
	return 0, 0, errors.New("facts are taken on Linux")
}
