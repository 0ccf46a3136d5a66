package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"rehome.dev/rehome/internal/secrets"
)

// Auth says how to log in. Each credential is in an environment variable or in a
// file; the fields name those, and never hold one.
type Auth struct {
	Method string // token, approle or kubernetes; "" is $REHOME_VAULT_AUTH, or token
	Mount  string // where the method is; "" is $REHOME_VAULT_AUTH_MOUNT, or its name
	// token: "" and "" is $VAULT_TOKEN.
	TokenEnv, TokenFile string
	// approle: "" and "" is $VAULT_ROLE_ID and $VAULT_SECRET_ID.
	RoleIDEnv, RoleIDFile     string
	SecretIDEnv, SecretIDFile string
	// kubernetes: the role, "" is $REHOME_VAULT_ROLE, and the file with the pod's token; "" is
	// $REHOME_VAULT_JWT_FILE, or where Kubernetes puts it.
	Role    string
	JWTFile string
}

// The methods.
const (
	MethodToken      = "token"
	MethodAppRole    = "approle"
	MethodKubernetes = "kubernetes"
)

const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

func (a Auth) filled(o Options) (Auth, error) {
	or := func(env *string, file, standard string) {
		if *env == "" && file == "" {
			*env = standard
		}
	}
	unless := func(set *string, env string) {
		if *set == "" {
			*set = o.getenv(env)
		}
	}
	unless(&a.Method, "REHOME_VAULT_AUTH")
	unless(&a.Mount, "REHOME_VAULT_AUTH_MOUNT")
	unless(&a.Role, "REHOME_VAULT_ROLE")
	unless(&a.JWTFile, "REHOME_VAULT_JWT_FILE")
	switch a.Method {
	case "", MethodToken:
		a.Method = MethodToken
		or(&a.TokenEnv, a.TokenFile, "VAULT_TOKEN")
	case MethodAppRole:
		or(&a.RoleIDEnv, a.RoleIDFile, "VAULT_ROLE_ID")
		or(&a.SecretIDEnv, a.SecretIDFile, "VAULT_SECRET_ID")
	case MethodKubernetes:
		if a.Role == "" {
			return a, wrong("the method kubernetes needs a role", "name the role that the vault has for this pod's account, in REHOME_VAULT_ROLE")
		}
		if a.JWTFile == "" {
			a.JWTFile = podToken
		}
	default:
		return a, wrong("there is no such method to log in", "choose token, approle or kubernetes")
	}
	if a.Mount == "" {
		a.Mount = a.Method
	}
	a.Mount = strings.Trim(a.Mount, "/")
	return a, nil
}

// credential reads one. What it holds is in no error.
func (o Options) credential(what, env, file string) ([]byte, error) {
	fails := func(why, help string) error {
		return &secrets.Error{Op: "log in at the vault", Err: secrets.ErrCredentials, Why: why, Help: help}
	}
	var got []byte
	from := "$" + env
	if file != "" {
		from = file
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fails(what+" cannot be read: "+reason(err), "check the file "+file)
		}
		got = b
	} else {
		got = []byte(o.getenv(env))
	}
	got = bytes.TrimSpace(got)
	if len(got) == 0 {
		return nil, fails("there is no "+what, "put it into "+from)
	}
	if bytes.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		clear(got)
		return nil, fails(what+" in "+from+" has characters that none has", "check what is in it")
	}
	return got, nil
}

func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return "it fails"
}

// login is what came of one.
type login struct {
	token string
	lease time.Duration // 0 is without an end, or unknown
	ours  bool
}

// login proves who this is. A token that was given is looked up, so that one that
// is not accepted is told from one that may not do something.
func (o Options) login(ctx context.Context, c *api.Client) (login, error) {
	a := o.Auth
	if a.Method == MethodToken {
		token, err := o.credential("token", a.TokenEnv, a.TokenFile)
		if err != nil {
			return login{}, err
		}
		defer clear(token)
		c.SetToken(string(token))
		ctx2, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		if _, err = c.Logical().ReadWithContext(ctx2, "auth/token/lookup-self"); err != nil {
			return login{}, refused(explain(ctx, "log in at the vault", o.Address, err), "the token has expired, was revoked, or is of another vault: vault token lookup")
		}
		return login{token: string(token)}, nil
	}
	body, help, err := o.loginBody()
	defer clear(body)
	if err != nil {
		return login{}, err
	}
	ctx2, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	answer, err := c.Logical().WriteBytesWithContext(ctx2, "auth/"+a.Mount+"/login", body)
	if err != nil {
		return login{}, refused(explain(ctx, "log in at the vault by "+a.Method, o.Address, err), help)
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return login{}, &secrets.Error{Op: "log in at the vault by " + a.Method, Err: secrets.ErrUnavailable, Why: "it answers without a token"}
	}
	return login{token: answer.Auth.ClientToken, lease: time.Duration(answer.Auth.LeaseDuration) * time.Second, ours: true}, nil
}

// refused is an error of a login: what the vault does not take or allow there are
// the credentials.
func refused(err error, help string) error {
	var e *secrets.Error
	if errors.As(err, &e) && (errors.Is(e.Err, secrets.ErrForbidden) || errors.Is(e.Err, secrets.ErrRefused) || errors.Is(e.Err, secrets.ErrMissing)) {
		return &secrets.Error{Op: e.Op, Err: secrets.ErrCredentials, Why: e.Why, Help: help}
	}
	return err
}

// loginBody is what the method wants.
func (o Options) loginBody() (body []byte, help string, err error) {
	a := o.Auth
	pair := func(k1 string, v1 []byte, k2 string, v2 []byte) []byte {
		out := make([]byte, 0, 64+2*len(v1)+2*len(v2))
		out = append(out, `{"`+k1+`":`...)
		out = secrets.AppendText(out, v1)
		out = append(out, `,"`+k2+`":`...)
		return append(secrets.AppendText(out, v2), '}')
	}
	if a.Method == MethodKubernetes {
		jwt, err := o.credential("token of the pod", "", a.JWTFile)
		defer clear(jwt)
		return pair("role", []byte(a.Role), "jwt", jwt), fmt.Sprintf("does the role %s of auth/%s name this pod's account and namespace?", a.Role, a.Mount), err
	}
	role, err := o.credential("role id", a.RoleIDEnv, a.RoleIDFile)
	if err != nil {
		return nil, "", err
	}
	id, err := o.credential("secret id", a.SecretIDEnv, a.SecretIDFile)
	defer clear(id)
	return pair("role_id", role, "secret_id", id), "the secret id has expired, is used up, or is of another role: make a new one", err
}
