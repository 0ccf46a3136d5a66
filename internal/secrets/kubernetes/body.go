package kubernetes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/tree"
)

// body is an object as JSON. It is one piece of memory, so that whoever sent it can
// overwrite it.
func (s *Store) body(o convert.Object, blank bool) ([]byte, error) {
	head, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": o.Kind, "immutable": true,
		"metadata": map[string]any{
			"name": o.Name, "namespace": o.Namespace,
			"labels": map[string]string{labelManagedBy: managedBy, labelInstance: s.o.Owner},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("write its head: %w", err)
	}
	text, binary, size := split(o)
	out := make([]byte, 0, len(head)+size)
	out = append(out, head[:len(head)-1]...)
	if o.Kind == convert.Secret {
		out = append(out, `,"type":"Opaque"`...)
	}
	out = appendMap(out, "data", text, o, func(b []byte, v tree.Content) []byte {
		if o.Kind == convert.Secret {
			return appendBase64(b, v, blank)
		}
		if blank {
			v = bytes.Repeat([]byte("."), len(v))
		}
		return secrets.AppendText(b, v)
	})
	out = appendMap(out, "binaryData", binary, o, func(b []byte, v tree.Content) []byte { return appendBase64(b, v, blank) })
	return append(out, '}'), nil
}

// split are the keys of data and of binaryData, and how many bytes they take at most.
func split(o convert.Object) (data, binary []string, size int) {
	size = 64
	for _, k := range slices.Sorted(maps.Keys(o.Data)) {
		v := o.Data[k]
		if o.Kind == convert.Secret || isText(v) {
			data = append(data, k)
		} else {
			binary = append(binary, k)
		}
		size += 6*(len(k)+len(v)) + 16
	}
	return data, binary, size
}

func appendMap(out []byte, field string, keys []string, o convert.Object, value func([]byte, tree.Content) []byte) []byte {
	if len(keys) == 0 {
		return out
	}
	out = append(out, `,"`+field+`":{`...)
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = secrets.AppendText(out, []byte(k))
		out = append(out, ':')
		out = value(out, o.Data[k])
	}
	return append(out, '}')
}

func appendBase64(out []byte, v []byte, blank bool) []byte {
	if blank {
		v = make([]byte, len(v))
	}
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, v)
	return append(out, '"')
}
