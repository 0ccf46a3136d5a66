//go:build lab

package legacy_test

import (
	"testing"

	"rehome.dev/rehome/lab/legacy"
)

func TestMain(m *testing.M) { legacy.Main(m) }

func TestUp(t *testing.T) {}
