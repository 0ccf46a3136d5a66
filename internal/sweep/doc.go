// Package sweep brings texts to the detectors of secrets: files and directories, a
// stream, what a range of git's revisions or its index adds. It tells where secrets
// stand, what it did not look at, and what it could not look at; and it knows the list
// of what people let pass. It knows no rule of what a secret is, and keeps no value.
package sweep
