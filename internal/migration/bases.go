package migration

import "strings"

// OnDockerHub says whether an image reference leads to Docker Hub: by name, or
// because it names no registry at all (a registry has a dot, a port or is
// localhost).
func OnDockerHub(ref string) bool {
	if ref == "scratch" {
		return false
	}
	first, _, ok := strings.Cut(ref, "/")
	if !ok || (!strings.ContainsAny(first, ".:") && first != "localhost") {
		return true
	}
	return first == "docker.io" || strings.HasSuffix(first, ".docker.io")
}

// Approves compares a base with the policy's prefixes. A prefix ends at a boundary
// of names: registry/base does not approve registry/basement. One that ends in / or
// * is open.
func (p Policy) Approves(base string) bool {
	for _, prefix := range p.ApprovedBases {
		rest, ok := strings.CutPrefix(base, strings.TrimSuffix(prefix, "*"))
		if !ok || prefix == "" {
			continue
		}
		if rest == "" || strings.HasSuffix(prefix, "*") || strings.HasSuffix(prefix, "/") || strings.ContainsAny(rest[:1], "/:@") {
			return true
		}
	}
	return false
}
