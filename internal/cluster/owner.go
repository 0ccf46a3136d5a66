package cluster

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"rehome.dev/rehome/internal/manifest"
)

// strange says to whom an object belongs that this migration did not make.
func strange(o *unstructured.Unstructured) error {
	l := o.GetLabels()
	var who []string
	if m := l[manifest.LabelManagedBy]; m != "" {
		who = append(who, "managed by "+m)
	}
	if i := l[manifest.LabelInstance]; i != "" {
		who = append(who, "instance "+i)
	}
	if m := managers(o); len(m) > 0 {
		who = append(who, "written by "+strings.Join(m, ", "))
	}
	if len(who) == 0 {
		who = append(who, "no label says whose it is")
	}
	return fmt.Errorf("%s %s in namespace %s was not made by this migration (%s): it is left alone",
		o.GetKind(), o.GetName(), o.GetNamespace(), strings.Join(who, "; "))
}

// managers are the field managers that wrote the object itself, not its status.
func managers(o *unstructured.Unstructured) []string {
	var out []string
	for _, f := range o.GetManagedFields() {
		if f.Subresource == "" && !slices.Contains(out, f.Manager) {
			out = append(out, f.Manager)
		}
	}
	return out
}

// conflict is one field that another manager has set otherwise.
type conflict struct{ manager, field string }

var conflictManager = regexp.MustCompile(`conflict with "([^"]+)"`)

// conflicts are the fields over which an apply was refused.
func conflicts(err error) []conflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []conflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		who := cause.Message
		if m := conflictManager.FindStringSubmatch(cause.Message); m != nil {
			who = m[1]
		}
		out = append(out, conflict{who, cause.Field})
	}
	return out
}

// contested says which fields others have set.
func contested(o *unstructured.Unstructured, cs []conflict, err error) error {
	var list []string
	for _, c := range cs {
		list = append(list, c.manager+" has set "+c.field)
	}
	return &Error{
		Op:   fmt.Sprintf("apply %s %s in namespace %s", o.GetKind(), o.GetName(), o.GetNamespace()),
		Why:  strings.Join(list, "; "),
		Err:  err,
		hint: "let that manager give the field up, or change the migration to its value; it is not taken by force",
	}
}
