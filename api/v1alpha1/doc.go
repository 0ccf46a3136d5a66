// Package v1alpha1 holds the objects that people write: a Migration for each
// application, a Policy for an organisation. The same documents are files for
// the command line and custom resources for a controller.
//
// The package is wire format only: field names, types, and what a field may
// hold. It imports nothing but apimachinery and knows nothing of the procedure;
// internal/config turns these objects into the domain's own. The jsonschema
// tags are the one place where requiredness, ranges, choices and defaults are
// written down: the decoder, the schemas and the reference all read them.
package v1alpha1

// Group and version of the objects, and their kinds.
const (
	GroupName     = "rehome.dev"
	Version       = "v1alpha1"
	APIVersion    = GroupName + "/" + Version
	KindMigration = "Migration"
	KindPolicy    = "Policy"
)
