//go:build lab

package e2e

import (
	"testing"

	"rehome.dev/rehome/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
