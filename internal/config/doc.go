// Package config turns the files that people write into the domain's values:
// api/v1alpha1 documents into migration.Spec and migration.Policy. It decodes
// strictly and reports every mistake of a file at once, each with file, line,
// column, field and a remedy. It also writes the commented starters.
//
// It knows the names of the settings that a provider needs, but no adapter; it
// reads no clock, no environment variable and no secret, and expands nothing.
package config
