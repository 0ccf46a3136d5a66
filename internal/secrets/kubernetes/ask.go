package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
)

func plainCodecs() runtime.NegotiatedSerializer {
	return serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
}

// verbs are what Put needs for each resource.
var verbs = []string{"get", "create", "patch"}

var accessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}

// Check asks the cluster whether these credentials may write Secrets and ConfigMaps
// in the namespaces (SelfSubjectAccessReview, which everybody may create). The error
// names the first permission that lacks.
func (s *Store) Check(ctx context.Context) error {
	for _, ns := range s.o.Namespaces {
		for _, kind := range []convert.Kind{convert.Secret, convert.ConfigMap} {
			for _, verb := range verbs {
				if err := s.allowed(ctx, request{verb: verb, resource: resources[kind], namespace: ns}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Store) allowed(ctx context.Context, r request) error {
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]any{"namespace": r.namespace, "verb": r.verb, "group": r.resource.Group, "resource": r.resource.Resource}},
	}}
	var answer *unstructured.Unstructured
	err := s.call(ctx, request{verb: "create", resource: accessReviews}, func(ctx context.Context, conn *connection) error {
		var err error
		answer, err = conn.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if ok, _, err := unstructured.NestedBool(answer.Object, "status", "allowed"); err == nil && ok {
		return nil
	}
	return explain(r, "", apierrors.NewForbidden(r.resource.GroupResource(), "", nil))
}

// Served are the versions of a group in which the cluster serves a resource, the one
// that it prefers first; none where it does not know the resource.
func (s *Store) Served(ctx context.Context, group, resource string) ([]string, error) {
	var g metav1.APIGroup
	found, err := s.discover(ctx, "/apis/"+group, &g)
	if err != nil || !found {
		return nil, err
	}
	var out []string
	for _, v := range g.Versions {
		var l metav1.APIResourceList
		found, err := s.discover(ctx, "/apis/"+group+"/"+v.Version, &l)
		if err != nil {
			return nil, err
		}
		if found && slices.ContainsFunc(l.APIResources, func(r metav1.APIResource) bool { return r.Name == resource }) {
			out = append(out, v.Version)
		}
	}
	if i := slices.Index(out, g.PreferredVersion.Version); i > 0 {
		out = slices.Concat([]string{out[i]}, out[:i], out[i+1:])
	}
	return out, nil
}

func (s *Store) discover(ctx context.Context, path string, into any) (found bool, err error) {
	r := request{verb: "discover", resource: schema.GroupVersionResource{Resource: path}}
	var answer []byte
	err = s.call(ctx, r, func(ctx context.Context, conn *connection) error {
		var err error
		answer, err = conn.rest.Get().AbsPath(path).DoRaw(ctx)
		if apierrors.IsNotFound(err) {
			answer, err = nil, nil
		}
		return err
	})
	if err != nil || answer == nil {
		return false, err
	}
	if json.Unmarshal(answer, into) != nil {
		return false, &secrets.Error{Op: r.String(), Err: secrets.ErrUnavailable, Why: "the answer is none of a cluster"}
	}
	return true, nil
}
