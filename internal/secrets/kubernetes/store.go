// Package kubernetes keeps secrets and configuration as immutable objects of a
// cluster, applied from memory.
//
// It creates and never changes: an object that is there and holds something else is
// an error. What a server answers to a write is never quoted, for it repeats what it
// was sent. It must not know how a cluster is chosen nor what becomes of the objects.
package kubernetes

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// fieldManager is as whom objects are written: as the workloads are.
const fieldManager = "rehome"

// The labels of an object of rehome's; the workloads have the same.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelInstance  = "app.kubernetes.io/instance"
	managedBy      = "rehome"
)

// Options say which cluster, and for whom.
type Options struct {
	// Config is how the cluster is reached; asked at the first call.
	Config func() (*rest.Config, error)
	// Owner is the application: the value of the label app.kubernetes.io/instance.
	Owner string
	// Namespaces are those that Check asks about.
	Namespaces []string
	Timeout    time.Duration // of one request; 0 is 10 s
}

// Store is one cluster. It is safe for concurrent use.
type Store struct {
	o Options

	mu   sync.Mutex
	conn *connection
}

type connection struct {
	host    string
	dynamic dynamic.Interface
	rest    rest.Interface // for what is no object: discovery
}

var _ secrets.Store = (*Store)(nil)

// New makes a store. It reaches nobody yet.
func New(o Options) *Store {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return &Store{o: o}
}

func (s *Store) connect() (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	config, err := s.o.Config()
	if err != nil {
		return nil, &secrets.Error{Op: "connect to the cluster", Err: err, Help: "check the kubeconfig and its context: kubectl config get-contexts"}
	}
	conn, err := dial(config)
	if err != nil {
		return nil, &secrets.Error{Op: "connect to the cluster", Err: secrets.ErrCredentials, Why: "the kubeconfig gives no usable ones", Help: "check the certificates and the credential plugin that the kubeconfig names"}
	}
	s.conn = conn
	return conn, nil
}

func dial(config *rest.Config) (*connection, error) {
	var client *http.Client
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	plain := rest.CopyConfig(config)
	plain.NegotiatedSerializer = plainCodecs()
	r, err := rest.UnversionedRESTClientForConfigAndClient(plain, client)
	if err != nil {
		return nil, err
	}
	return &connection{host: config.Host, dynamic: dyn, rest: r}, nil
}

// call makes one request with its own deadline and gives its error a meaning.
func (s *Store) call(ctx context.Context, r request, do func(context.Context, *connection) error) error {
	conn, err := s.connect()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	if err := do(limited, conn); err != nil {
		if ctx.Err() != nil {
			return &secrets.Error{Op: r.String(), Err: context.Cause(ctx)}
		}
		return explain(r, conn.host, err)
	}
	return nil
}

var resources = map[convert.Kind]schema.GroupVersionResource{
	convert.Secret:    {Version: "v1", Resource: "secrets"},
	convert.ConfigMap: {Version: "v1", Resource: "configmaps"},
}

// Put creates what is not there. Everything is looked at first, and the server says
// of each object that is to be made whether it would take one of that name and these
// lengths; it is told no value for that.
func (s *Store) Put(ctx context.Context, objs []convert.Object, dryRun bool) ([]secrets.Receipt, error) {
	all := make([]secrets.Receipt, 0, len(objs))
	for _, o := range objs {
		done, err := s.look(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, secrets.Receipt{
			Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Done: done,
			Place: fmt.Sprintf("%s/%s in namespace %s", resources[o.Kind].Resource, o.Name, o.Namespace),
		})
	}
	if dryRun {
		return all, nil
	}
	for i, o := range objs {
		if all[i].Done != secrets.WouldWrite {
			continue
		}
		if err := s.apply(ctx, o, false); err != nil {
			return done(all[:i]), err
		}
		all[i].Done = secrets.Written
	}
	return all, nil
}

// done are the receipts of what is there now.
func done(all []secrets.Receipt) []secrets.Receipt {
	var out []secrets.Receipt
	for _, r := range all {
		if r.Done != secrets.WouldWrite {
			out = append(out, r)
		}
	}
	return out
}

// look says what Put would do with an object, or why it could not.
func (s *Store) look(ctx context.Context, o convert.Object) (secrets.Done, error) {
	r := requestFor(o)
	if r.resource.Resource == "" {
		return "", &secrets.Error{Op: "write " + o.Name, Err: secrets.ErrRefused, Why: fmt.Sprintf("%q is no kind of object that is kept here", o.Kind)}
	}
	have, err := s.get(ctx, r)
	if err != nil {
		return "", err
	}
	if have != nil {
		return secrets.There, s.same(have, o)
	}
	return secrets.WouldWrite, s.apply(ctx, o, true)
}

// get gives nil where there is no such object.
func (s *Store) get(ctx context.Context, r request) (*unstructured.Unstructured, error) {
	r.verb = "get"
	var have *unstructured.Unstructured
	err := s.call(ctx, r, func(ctx context.Context, conn *connection) error {
		var err error
		have, err = conn.dynamic.Resource(r.resource).Namespace(r.namespace).Get(ctx, r.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && !namespaceMissing(err) {
			have, err = nil, nil
		}
		return err
	})
	return have, err
}

// same says why an object that is there does not count as the one that is wanted.
func (s *Store) same(have *unstructured.Unstructured, o convert.Object) error {
	r := requestFor(o)
	r.verb = "write"
	differs := func(why, help string) error {
		return &secrets.Error{Op: r.String(), Err: secrets.ErrDifferent, Why: why, Help: help}
	}
	labels := have.GetLabels()
	immutable, _, _ := unstructured.NestedBool(have.Object, "immutable")
	switch {
	case have.GetDeletionTimestamp() != nil:
		return differs("it is being deleted", "wait until it is gone, and try again")
	case labels[labelManagedBy] != managedBy || labels[labelInstance] != s.o.Owner:
		return differs("it is not of "+managedBy+" for "+s.o.Owner, "find out whose it is, and remove it or convert under another name: kubectl get "+r.resource.Resource+" "+r.name+" -n "+r.namespace+" --show-labels --show-managed-fields")
	case !holds(have, o):
		return differs("it holds other keys or values, although its name is that of what it should hold", "somebody made or changed it by hand: delete it when no pod needs it, and try again")
	case !immutable:
		return differs("it can be changed: it is not immutable", "somebody made it by hand: delete it when no pod needs it, and try again")
	}
	return nil
}

// holds says whether an object holds just what is wanted.
func holds(have *unstructured.Unstructured, o convert.Object) bool {
	plain, _, err1 := unstructured.NestedStringMap(have.Object, "data")
	binary, _, err2 := unstructured.NestedStringMap(have.Object, "binaryData")
	if err1 != nil || err2 != nil || len(plain)+len(binary) != len(o.Data) {
		return false
	}
	if kind, _, _ := unstructured.NestedString(have.Object, "type"); o.Kind == convert.Secret && kind != "Opaque" {
		return false
	}
	for k, want := range o.Data {
		text, isPlain := plain[k]
		encoded := o.Kind == convert.Secret
		if !isPlain {
			if text, isPlain = binary[k]; !isPlain {
				return false
			}
			encoded = true
		}
		if !equal(text, want, encoded) {
			return false
		}
	}
	return true
}

func equal(text string, want tree.Content, encoded bool) bool {
	if !encoded {
		return text == string(want)
	}
	got, err := base64.StdEncoding.DecodeString(text)
	defer clear(got)
	return err == nil && bytes.Equal(got, want)
}

// apply makes an object. A blank one is of the same name and lengths, without a
// value, and is not kept.
func (s *Store) apply(ctx context.Context, o convert.Object, blank bool) error {
	r := requestFor(o)
	r.verb = "patch"
	body, err := s.body(o, blank)
	defer clear(body)
	if err != nil {
		return &secrets.Error{Op: r.String(), Err: secrets.ErrRefused, Why: err.Error()}
	}
	opts := metav1.PatchOptions{FieldManager: fieldManager, FieldValidation: metav1.FieldValidationStrict}
	if blank {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	return s.call(ctx, r, func(ctx context.Context, conn *connection) error {
		_, err := conn.dynamic.Resource(r.resource).Namespace(r.namespace).Patch(ctx, r.name, types.ApplyPatchType, body, opts)
		return err
	})
}

func requestFor(o convert.Object) request {
	return request{resource: resources[o.Kind], namespace: o.Namespace, name: o.Name}
}

// isText says whether a ConfigMap keeps a value as text.
func isText(v []byte) bool { return utf8.Valid(v) }
