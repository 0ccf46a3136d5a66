package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"

	"rehome.dev/rehome/internal/netfail"
	"rehome.dev/rehome/internal/secrets"
)

// errMoved says that what is kept is of another version than it was.
var errMoved = errors.New("it was written by somebody else in the meantime")

// explain gives an answer of the vault a meaning. Its words are not taken over: they
// may repeat what it was sent. ctx is the caller's.
func explain(ctx context.Context, op, address string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &secrets.Error{Op: op, Err: context.Cause(ctx)}
	}
	e := &secrets.Error{Op: op}
	if answer, ok := errors.AsType[*api.ResponseError](err); ok {
		answered(e, answer)
		return e
	}
	e.Err, e.Help = secrets.ErrUnreachable, "check that the vault is up and that this host can reach it: curl "+address+"/v1/sys/health"
	switch {
	case netfail.Untrusted(err):
		e.Why, e.Help = "the certificate of "+address+" is not trusted", "name its authority's file in VAULT_CACERT"
	case netfail.TimedOut(err):
		e.Why = "no answer in time from " + address
	default:
		e.Why = "no connection to " + address
	}
	return e
}

// answered is what a status means (the list in the documentation of Vault's API).
func answered(e *secrets.Error, answer *api.ResponseError) {
	says := func(words string) bool { return strings.Contains(strings.Join(answer.Errors, "\n"), words) }
	e.Why = fmt.Sprintf("the vault answers %d", answer.StatusCode)
	switch code := answer.StatusCode; {
	case code == 400 && says("check-and-set parameter"):
		e.Err, e.Why = errMoved, ""
	case code == 403:
		e.Err, e.Help = secrets.ErrForbidden, "ask who keeps the vault for a policy that allows it"
	case code == 404:
		e.Err, e.Help = secrets.ErrMissing, "check the mount, the path and the namespace"
	case code == 503 && says("sealed"):
		e.Err, e.Why, e.Help = secrets.ErrUnavailable, "it is sealed", "whoever keeps the vault must unseal it: vault status"
	case code == 429, code == 412, code >= 470 && code < 480, code >= 500:
		e.Err, e.Help = secrets.ErrUnavailable, "vault status; and try again"
	default:
		e.Err, e.Help = secrets.ErrRefused, "the vault's audit log says why"
	}
}
