//go:build lab

package kubernetes_test

import (
	"testing"

	"rehome.dev/rehome/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }
