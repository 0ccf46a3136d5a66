package memory_test

import (
	"testing"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets/memory"
	"rehome.dev/rehome/internal/secrets/secretstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	secretstest.Run(t, func(*testing.T) secretstest.World {
		s := &memory.Store{}
		return secretstest.World{
			Store: s, Replace: s.Replace, Writes: s.Writes, Deny: s.Deny,
			Holds: func(name string) map[string]string {
				data := s.Holds(convert.Secret, secretstest.Namespace, name)
				if data == nil {
					return nil
				}
				out := map[string]string{}
				for k, v := range data {
					out[k] = string(v)
				}
				return out
			},
		}
	})
}
