package convert

import "testing"

// What a conversion pays for names that cannot be guessed quickly.
func BenchmarkSecretName(b *testing.B) {
	o := options()
	o.NameCost = 0
	t := grow(map[string]string{"db.ini": "password = " + canary + "\n"})
	for b.Loop() {
		Make(t, o)
	}
}
