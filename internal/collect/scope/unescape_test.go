package scope

import "testing"

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{
		`/with\040blank\011and\134`: "/with blank\tand\\",
		`\303\274`:                  "ü",
		`/end\04`:                   `/end\04`,
		`/no\999 \x`:                `/no\999 \x`,
		`/plain`:                    "/plain",
	} {
		if got := Unescape(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
