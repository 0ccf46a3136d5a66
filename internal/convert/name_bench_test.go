package convert

import "testing"

// What a conversion pays for names that cannot be guessed quickly.
func BenchmarkSecretName(b *testing.B) {
	o := options()
	o.cheap = false
	t := grow(map[string]string{"db.ini": "password = " + canary + "\n"})
	for b.Loop() {
		Make(t, o)
	}
}
