package kubernetes

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/netfail"
	"rehome.dev/rehome/internal/secrets"
)

// request is one call of the API, for its error.
type request struct {
	verb      string
	resource  schema.GroupVersionResource
	namespace string
	name      string
}

func (r request) String() string {
	s := r.verb + " " + r.resource.GroupResource().String()
	if r.name != "" {
		s += " " + r.name
	}
	if r.namespace != "" {
		s += " in namespace " + r.namespace
	}
	return s
}

// denied reads from the server's words which verb was missing: to apply an object
// that is not there yet needs "create" beside "patch".
var denied = regexp.MustCompile(`cannot (get|create|patch|update) resource "`)

// explain gives an answer of the server a meaning. Of its words nothing is taken
// over but names of fields and codes: it repeats what it was sent.
func explain(r request, host string, err error) error {
	e := &secrets.Error{Op: r.String()}
	status, answered := statusOf(err)
	switch {
	case answered && strings.Contains(status.Message, "exceeded quota"):
		e.Err, e.Why = secrets.ErrRefused, "a quota of the namespace is used up"
		e.Help = "kubectl describe resourcequota -n " + r.namespace
	case apierrors.IsForbidden(err):
		verb := r.verb
		if m := denied.FindStringSubmatch(status.Message); m != nil {
			verb = m[1]
		}
		what := r.resource.GroupResource().String()
		e.Err, e.Why = secrets.ErrForbidden, fmt.Sprintf("verb %q on %s", verb, what)
		e.Help = fmt.Sprintf("grant %q on %s in namespace %s; to see what is granted: kubectl auth can-i %s %s -n %s", verb, what, r.namespace, verb, what, r.namespace)
	case apierrors.IsUnauthorized(err):
		e.Err, e.Help = secrets.ErrCredentials, "renew the credentials of the kubeconfig's user; to see who you are: kubectl auth whoami"
	case namespaceMissing(err):
		e.Err, e.Why, e.Help = secrets.ErrMissing, "there is no namespace "+r.namespace, "kubectl create namespace "+r.namespace
	case apierrors.IsConflict(err):
		e.Err, e.Why, e.Help = secrets.ErrDifferent, "somebody else made it in the meantime", "try again: what they made is compared then"
	case answered && status.Code >= 500, apierrors.IsTooManyRequests(err):
		e.Err, e.Why, e.Help = secrets.ErrUnavailable, coded(status), "look after the API server, and try again"
	case answered:
		e.Err, e.Why, e.Help = secrets.ErrRefused, coded(status), "the names of the fields say what the cluster does not take"
	case netfail.Untrusted(err):
		e.Err, e.Why, e.Help = secrets.ErrUnreachable, "the certificate of "+host+" is not trusted", "check certificate-authority and server of the kubeconfig"
	case netfail.TimedOut(err):
		e.Err, e.Why, e.Help = secrets.ErrUnreachable, "no answer in time from "+host, "check that the API server is up and that this host can reach it"
	default:
		e.Err, e.Why, e.Help = secrets.ErrUnreachable, "no connection to "+host, "check that the API server is up and that this host can reach it"
	}
	return e
}

func statusOf(err error) (metav1.Status, bool) {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return metav1.Status{}, false
	}
	return s.Status(), true
}

// reasons are the words of the server that are its own, and no repetition.
var reasons = []metav1.StatusReason{
	metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonNotFound, metav1.StatusReasonMethodNotAllowed,
	metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonInternalError, metav1.StatusReasonServiceUnavailable, metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout,
	metav1.StatusReasonTooManyRequests, metav1.StatusReasonNotAcceptable, metav1.StatusReasonGone, metav1.StatusReasonExpired, metav1.StatusReasonAlreadyExists,
}

// field is the form of a field's path with the names of keys; a value is none.
var field = regexp.MustCompile(`^[a-zA-Z]+(\.[a-zA-Z]+|\[[-._a-zA-Z0-9]{1,253}\])*$`)

// fields are those above data: which of the keys it was would be said by a key, and a
// server that put a value there could not be told from one that put a key.
func fields(s metav1.Status) []string {
	var out []string
	if s.Details == nil {
		return nil
	}
	for _, c := range s.Details.Causes {
		if !field.MatchString(c.Field) {
			continue
		}
		name, _, _ := strings.Cut(c.Field, "[")
		if known := strings.SplitN(name, ".", 3); slices.Contains([]string{"metadata", "data", "binaryData", "immutable", "type", "stringData"}, known[0]) && !slices.Contains(out, known[0]) {
			out = append(out, known[0])
		}
	}
	return out
}

// coded is an answer by its numbers and names.
func coded(s metav1.Status) string {
	text := fmt.Sprintf("the cluster answers %d", s.Code)
	if slices.Contains(reasons, s.Reason) {
		text += " " + string(s.Reason)
	}
	if f := fields(s); len(f) > 0 {
		text += ", because of " + strings.Join(f, ", ")
	}
	return text
}

func namespaceMissing(err error) bool {
	s, ok := statusOf(err)
	return ok && apierrors.IsNotFound(err) && s.Details != nil && s.Details.Kind == "namespaces"
}
