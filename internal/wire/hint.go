package wire

import (
	"errors"

	"rehome.dev/rehome/internal/cluster"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/store/sqlite"
)

// Hint is what a person can do about an error of an adapter, or "".
func Hint(err error) string {
	var hinted interface{ Hint() string }
	switch {
	case errors.Is(err, sqlite.ErrNewer):
		return "use the rehome that wrote it, or a newer one"
	case errors.Is(err, sqlite.ErrNotJournal):
		return "name the right directory with --state"
	case errors.Is(err, sqlite.ErrFull):
		return "free some space on the disk of the state directory"
	case errors.Is(err, sqlite.ErrLocked):
		return "another process keeps the journal locked; stop it and try again"
	case errors.As(err, &hinted):
		return hinted.Hint()
	}
	return ""
}

// Permission is what must be allowed in a migration's namespaces for one resource.
type Permission = cluster.Permission

// Permissions are the least that a migration needs in each of its namespaces.
func Permissions(spec migration.Spec) []Permission { return cluster.Permissions(spec) }

// DrillPermissions are needed beside those in the staging namespace.
func DrillPermissions() []Permission { return cluster.DrillPermissions() }
