package cli_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/cli"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const referenceFile = "../../docs/cli.md"

// The reference in the repository is what the commands say of themselves.
func TestReference(t *testing.T) {
	var want strings.Builder
	cli.Reference(&want)
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want.String() {
		t.Errorf("%s is not what the commands say: go test ./internal/cli -run TestReference -update", referenceFile)
	}
	for code, meaning := range cli.Meanings {
		if meaning == "" {
			t.Errorf("exit code %d means nothing", code)
		}
	}
}
