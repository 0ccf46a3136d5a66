package sim

import (
	"context"

	"rehome.dev/rehome/internal/migration"
)

type noArchive struct{}

func (noArchive) Incident(context.Context, string, migration.Incident) (string, error) {
	return "", nil
}
func (noArchive) Logs(context.Context, string, string, string, []byte) (string, error) {
	return "", nil
}
