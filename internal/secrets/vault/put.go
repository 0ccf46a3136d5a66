package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hashicorp/vault/api"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// Put writes what is not there, each object by check-and-set on the version that was
// seen. What is not UTF-8 is kept in base64, for values in a vault are text; External
// and Annotations undo that.
func (s *Store) Put(ctx context.Context, objs []convert.Object, dryRun bool) ([]secrets.Receipt, error) {
	receipts := make([]secrets.Receipt, 0, len(objs))
	places := make([]place, len(objs))
	for i, o := range objs {
		if o.Kind != convert.Secret {
			return nil, &secrets.Error{Op: "write " + o.Name, Err: secrets.ErrRefused, Why: fmt.Sprintf("a %s has no secret, and does not belong into a vault", o.Kind)}
		}
		at, err := s.where(ctx, path.Join(s.o.Path, o.Name))
		if err != nil {
			return nil, err
		}
		r, err := s.look(ctx, at, o)
		if err != nil {
			return nil, err
		}
		places[i], receipts = at, append(receipts, r)
	}
	if dryRun {
		return receipts, nil
	}
	for i, o := range objs {
		if receipts[i].Done != secrets.WouldWrite {
			continue
		}
		r, err := s.write(ctx, places[i], o, receipts[i])
		if err != nil {
			return done(receipts[:i]), err
		}
		receipts[i] = r
	}
	return receipts, nil
}

// done are the receipts of what is there now.
func done(all []secrets.Receipt) []secrets.Receipt {
	return slices.DeleteFunc(slices.Clone(all), func(r secrets.Receipt) bool { return r.Done == secrets.WouldWrite })
}

// kept is what a place holds.
type kept struct {
	version int            // 0 where nothing ever was
	data    map[string]any // nil where the version was deleted
}

// read gives what is kept; with nothing it is the zero value.
func (s *Store) read(ctx context.Context, op string, at place) (kept, error) {
	var answer *api.Secret
	err := s.call(ctx, op, func(ctx context.Context, c *api.Client) error {
		var err error
		answer, err = c.Logical().ReadWithContext(ctx, at.data())
		return err
	})
	if e, ok := errors.AsType[*secrets.Error](err); ok && errors.Is(e.Err, secrets.ErrForbidden) {
		return kept{}, forbidden(op, at, "read")
	}
	if err != nil || answer == nil {
		return kept{}, err
	}
	var k kept
	metadata, _ := answer.Data["metadata"].(map[string]any)
	version, _ := metadata["version"].(json.Number)
	if k.version, err = strconv.Atoi(version.String()); err != nil {
		return kept{}, &secrets.Error{Op: op, Err: secrets.ErrUnavailable, Why: "it answers without a version"}
	}
	k.data, _ = answer.Data["data"].(map[string]any)
	return k, nil
}

// look says what Put would do with an object, or why it could not.
func (s *Store) look(ctx context.Context, at place, o convert.Object) (secrets.Receipt, error) {
	op := "write " + at.String()
	r := secrets.Receipt{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Place: at.String(), Done: secrets.WouldWrite}
	k, err := s.read(ctx, op, at)
	switch {
	case err != nil:
		return r, err
	case k.data == nil && k.version == 0:
		return r, s.may(ctx, at, "create")
	case k.data == nil:
		r.Version = k.version // it was deleted: a new version makes it again
		return r, s.may(ctx, at, "update")
	case !same(k.data, o):
		return r, &secrets.Error{
			Op: op, Err: secrets.ErrDifferent, Why: fmt.Sprintf("version %d holds other keys or values, although the name is that of what it should hold", k.version),
			Help: "find out who wrote it: vault kv metadata get " + at.String() + "; convert under another name, or have it deleted",
		}
	}
	r.Done, r.Version = secrets.There, k.version
	return r, nil
}

func same(data map[string]any, o convert.Object) bool {
	return len(data) == len(o.Data) && !slices.ContainsFunc(slices.Collect(maps.Keys(o.Data)), func(key string) bool {
		have, ok := data[key].(string)
		return !ok || have != asText(o.Data[key])
	})
}

// InBase64 says whether a value is kept in base64: values in a vault are text.
func InBase64(v []byte) bool { return !utf8.Valid(v) }

func asText(v tree.Content) string {
	if InBase64(v) {
		return base64.StdEncoding.EncodeToString(v)
	}
	return string([]byte(v))
}

// body is an object as KV version 2 takes it, in one piece of memory that can be
// overwritten.
func body(o convert.Object, cas int) []byte {
	size := 64
	for k, v := range o.Data {
		size += 6*(len(k)+len(v)) + 16
	}
	out := make([]byte, 0, size)
	out = append(out, `{"options":{"cas":`...)
	out = strconv.AppendInt(out, int64(cas), 10)
	out = append(out, `},"data":{`...)
	for i, k := range slices.Sorted(maps.Keys(o.Data)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = secrets.AppendText(out, []byte(k))
		out = append(out, ':')
		if v := o.Data[k]; InBase64(v) {
			out = append(out, '"')
			out = base64.StdEncoding.AppendEncode(out, v)
			out = append(out, '"')
		} else {
			out = secrets.AppendText(out, v)
		}
	}
	return append(out, '}', '}')
}

// write writes an object if nobody has since it was looked at.
func (s *Store) write(ctx context.Context, at place, o convert.Object, r secrets.Receipt) (secrets.Receipt, error) {
	op := "write " + at.String()
	b := body(o, r.Version)
	defer clear(b)
	var answer *api.Secret
	err := s.call(ctx, op, func(ctx context.Context, c *api.Client) error {
		var err error
		answer, err = c.Logical().WriteBytesWithContext(ctx, at.data(), b)
		return err
	})
	e, _ := errors.AsType[*secrets.Error](err)
	switch {
	case e != nil && errors.Is(e.Err, errMoved):
		return s.moved(ctx, at, o)
	case e != nil && errors.Is(e.Err, secrets.ErrForbidden) && r.Version == 0:
		// Where somebody else was faster it would be an update, which may be forbidden.
		if k, err := s.read(ctx, op, at); err == nil && k.version > 0 {
			return s.moved(ctx, at, o)
		}
		return r, forbidden(op, at, "create")
	case e != nil && errors.Is(e.Err, secrets.ErrForbidden):
		return r, forbidden(op, at, "update")
	case err != nil:
		return r, err
	}
	r.Done, r.Version = secrets.Written, r.Version+1
	if answer != nil {
		if n, ok := answer.Data["version"].(json.Number); ok {
			if v, err := strconv.Atoi(n.String()); err == nil {
				r.Version = v
			}
		}
	}
	return r, nil
}

// moved looks at what somebody else wrote: it may be the same.
func (s *Store) moved(ctx context.Context, at place, o convert.Object) (secrets.Receipt, error) {
	r, err := s.look(ctx, at, o)
	if err == nil && r.Done != secrets.There {
		err = &secrets.Error{Op: "write " + at.String(), Err: secrets.ErrDifferent, Why: errMoved.Error() + ", and nothing was changed", Help: "try again"}
	}
	return r, err
}
