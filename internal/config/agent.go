package config

import "strings"

// agentImage is what runs in other people's pods: it is what somebody has looked
// at, and a tag could be anything by tomorrow.
func (s *source) agentImage(image string) string {
	const field = "spec.images.agent"
	if image == "" {
		return ""
	}
	s.image(field, image)
	if !s.bad[field] && !strings.Contains(image, "@") {
		s.problem(field, "is "+quoted(image)+", without a digest", "pin it: registry/name@sha256:…")
	}
	return image
}
