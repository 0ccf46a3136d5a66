package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// Values reads the values of references, each path once. Only text has a value: a
// key that holds a number or an object is not one.
func (s *Store) Values(ctx context.Context, refs []secrets.Ref) ([]tree.Content, error) {
	held := map[string]map[string]any{}
	faults := map[string]error{}
	for _, r := range refs {
		if _, seen := held[r.Path]; seen || faults[r.Path] != nil {
			continue
		}
		data, err := s.held(ctx, r.Path)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			faults[r.Path] = err
			continue
		}
		held[r.Path] = data
	}
	out := make([]tree.Content, 0, len(refs))
	var missing []string
	for _, r := range refs {
		v, ok := held[r.Path][r.Key].(string)
		if !ok && faults[r.Path] == nil {
			missing = append(missing, r.String())
		}
		out = append(out, tree.Content(v))
	}
	if len(faults) == 0 && len(missing) == 0 {
		return out, nil
	}
	for _, v := range out {
		clear(v)
	}
	var errs []error
	for _, p := range slices.Sorted(maps.Keys(faults)) {
		errs = append(errs, faults[p])
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		errs = append(errs, &secrets.Error{
			Op: "read references to the vault", Err: secrets.ErrMissing, Why: "no text is kept under " + strings.Join(slices.Compact(missing), ", "),
			Help: "vault kv get shows the keys of a path",
		})
	}
	return nil, errors.Join(errs...)
}

func (s *Store) held(ctx context.Context, p string) (map[string]any, error) {
	at, err := s.where(ctx, p)
	if err != nil {
		return nil, err
	}
	op := "read " + at.String()
	k, err := s.read(ctx, op, at)
	if e, ok := errors.AsType[*secrets.Error](err); ok && errors.Is(e.Err, secrets.ErrForbidden) {
		e.Help = fmt.Sprintf(`a policy must say: path "%s/*" { capabilities = ["read"] }`, path.Dir(at.data()))
	}
	switch {
	case err != nil:
		return nil, err
	case k.data == nil && k.version > 0:
		return nil, &secrets.Error{Op: op, Err: secrets.ErrMissing, Why: fmt.Sprintf("version %d was deleted", k.version), Help: "vault kv undelete brings it back"}
	case k.data == nil:
		return nil, &secrets.Error{Op: op, Err: secrets.ErrMissing, Why: "nothing was ever written there", Help: "check the path: vault kv list " + at.mount}
	}
	return k.data, nil
}
