package cluster

import (
	"errors"
	"fmt"
	"net"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/netfail"
)

// Error is what went wrong with one request, in the operator's words.
type Error struct {
	Op   string // what was being done
	Why  string // what went wrong
	Err  error  // what the cluster or the network said
	hint string
}

// Error says what was being done, why it failed, and what was answered.
func (e *Error) Error() string { return e.Op + ": " + e.Why + ": " + e.Err.Error() }

// Unwrap gives what the cluster or the network said.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what a person can do about it, or "".
func (e *Error) Hint() string { return e.hint }

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
	return s + " in namespace " + r.namespace
}

// denied reads from the server's words which verb was missing: applying an
// object that is not there yet needs "create" beside "patch".
var denied = regexp.MustCompile(`cannot (\w+) resource "([^"]+)"`)

func (c *Cluster) explain(r request, host string, err error) error {
	e := &Error{Op: r.String(), Err: err}
	switch {
	case apierrors.IsForbidden(err):
		verb, resource := r.verb, r.resource.GroupResource().String()
		if m := denied.FindStringSubmatch(err.Error()); m != nil {
			verb = m[1]
		}
		e.Why = fmt.Sprintf("the cluster forbids it: verb %q on %s", verb, resource)
		e.hint = fmt.Sprintf("grant %q on %s in namespace %s; to see what is granted: kubectl auth can-i %s %s -n %s",
			verb, resource, r.namespace, verb, resource, r.namespace)
	case apierrors.IsUnauthorized(err):
		e.Why = "the cluster does not accept the credentials"
		e.hint = "renew the credentials of the kubeconfig's user; to see who you are: kubectl auth whoami"
	case namespaceMissing(err):
		e.Why = "there is no namespace " + r.namespace
		e.hint = "kubectl create namespace " + r.namespace
	case netfail.Untrusted(err):
		e.Why = "the certificate of " + host + " is not trusted"
		e.hint = "check certificate-authority and server of the kubeconfig"
	case isDial(err):
		e.Why = "cannot connect to " + host
		e.hint = fmt.Sprintf("check that the API server is up and that this host can reach %s", host)
	case isTimeout(err):
		e.Why = fmt.Sprintf("no answer within %s", c.timeout)
		e.hint = fmt.Sprintf("check the API server; the setting %s of cluster %s gives it longer", settingTimeout, c.name)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		e.Why = "the cluster refuses the object"
	default:
		e.Why = "the cluster answers with an error"
	}
	return e
}

// outcomeOf says what is certain after a request that would have changed
// something: only an answer that refuses it, or a connection that was never
// made, proves that nothing was done.
func outcomeOf(err error) migration.Outcome {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return migration.OutcomeDone
	case len(conflicts(err)) > 0:
		return migration.OutcomeForeign
	case isDial(err), netfail.Untrusted(err):
		return migration.OutcomeNotDone
	case errors.As(err, &status) && refuses(status.Status()):
		return migration.OutcomeNotDone
	}
	return migration.OutcomeUnknown
}

// refuses says whether the answer means that nothing was done: all of the 4xx,
// except that a request timed out (408).
func refuses(s metav1.Status) bool {
	return s.Code >= 400 && s.Code < 500 && s.Code != 408
}

func isNotFound(err error) bool { return apierrors.IsNotFound(err) }

func namespaceMissing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !isNotFound(err) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Kind == "namespaces"
}

func isDial(err error) bool {
	var op *net.OpError
	var name *net.DNSError
	return (errors.As(err, &op) && op.Op == "dial") || errors.As(err, &name)
}

func isTimeout(err error) bool {
	return apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || netfail.TimedOut(err)
}
