package image

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// RegistryError is what a registry did not do. It names the reference and never a
// credential; Hint says what a person can do about it.
type RegistryError struct {
	Op  string // look at, push
	Ref string
	Err error
}

func (e *RegistryError) Error() string { return e.Op + " " + e.Ref + ": " + e.Err.Error() }
func (e *RegistryError) Unwrap() error { return e.Err }

// Hint is what helps.
func (e *RegistryError) Hint() string {
	host, _, _ := strings.Cut(e.Ref, "/")
	var bad *name.ErrBadName
	var answer *transport.Error
	switch {
	case errors.As(e.Err, &bad):
		return "write it as REGISTRY/REPOSITORY:TAG, or with @sha256:… instead of the tag"
	case errors.As(e.Err, &answer):
		switch {
		case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
			return "log in with a user who may " + verbOf(e.Op) + " there: docker login " + host + " (or skopeo, crane, podman: ~/.docker/config.json is read)"
		case answer.StatusCode == http.StatusNotFound:
			return "there is no such image: see skopeo list-tags docker://" + untagged(e.Ref)
		case answer.StatusCode == http.StatusTooManyRequests:
			return host + " asks for patience: try again later"
		case answer.StatusCode >= 500:
			return host + " has trouble of its own: look at its log, then try again"
		}
		return "see what " + host + " says in its log"
	case errors.Is(e.Err, context.DeadlineExceeded):
		return host + " did not answer in time: see curl -v https://" + host + "/v2/"
	}
	return "is the name right, and is " + host + " up? see curl -v https://" + host + "/v2/"
}

func verbOf(op string) string {
	if op == "push" {
		return "write"
	}
	return "read"
}

// untagged is a reference without its tag and digest.
func untagged(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i]
	}
	return ref
}

func registryError(op, ref string, err error) error {
	if err == nil {
		return nil
	}
	return &RegistryError{Op: op, Ref: ref, Err: err}
}
