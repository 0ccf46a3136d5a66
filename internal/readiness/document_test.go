package readiness

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// People read the page before they read a finding.
func TestTheDocumentListsEveryItem(t *testing.T) {
	page, err := os.ReadFile("../../docs/assess.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range Items() {
		if line := fmt.Sprintf("| `%s` | %s | %s |\n", i.Code, i.Required, i.Weight); !strings.Contains(string(page), line) {
			t.Errorf("docs/assess.md lacks the line\n%s", line)
		}
	}
	if got := strings.Count(string(page), "\n| `"); got != len(Items()) {
		t.Errorf("docs/assess.md lists %d items, there are %d", got, len(Items()))
	}
}
