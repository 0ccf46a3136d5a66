package v1alpha1

// Metadata is what a person may write of an object's metadata; the rest of it
// is the API server's.
type Metadata struct {
	// The name: lower-case letters, digits and dashes.
	Name string `json:"name" jsonschema:"required"`
	// The namespace of the object itself, where it is a custom resource.
	Namespace string `json:"namespace,omitempty"`
	// Labels, for people and tools.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations, for people and tools.
	Annotations map[string]string `json:"annotations,omitempty"`
}
