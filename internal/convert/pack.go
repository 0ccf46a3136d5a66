package convert

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

const (
	// mostData is what Kubernetes lets the values of one ConfigMap or Secret have
	// together, without their keys: MaxSecretSize of its validation.
	mostData = 1 << 20
	// mostRequest keeps an object below the 1.5 MiB that etcd takes in one request,
	// in the wider of its forms, with what the server adds.
	mostRequest = 1536<<10 - 32<<10
	// perKey is what a key costs beside its value: itself, and once more as the field
	// that its manager owns.
	perKey = 64
)

// object is an Object that has no name yet.
type object struct {
	kind  Kind
	env   bool
	units []*unit
	vars  []variable
	data  int
	size  int
	name  string
}

// weigh is what a value costs in an object.
func weigh(key string, content []byte) (data, size int) {
	return len(content), base64.StdEncoding.EncodedLen(len(content)) + 2*len(key) + perKey
}

func (o *object) fits(data, size int) bool {
	return o.data+data <= mostData && o.size+size <= mostRequest
}

// tooLarge are the files that no object can hold.
func tooLarge(units []*unit) []Problem {
	var out []Problem
	for _, u := range units {
		if data := len(u.content); data > mostData {
			out = append(out, Problem{Code: CodeTooLarge, Path: Printable(u.source.entry.Path),
				Text: fmt.Sprintf("%d bytes: one object holds 1 MiB (%d bytes), and no file is in two", data, mostData),
				Hint: "put it into the image or a volume, or have the application read it in parts; and decide that it is skipped here"})
		}
	}
	return out
}

// pack fills objects with the units in the order of their paths, as few as their order
// allows, ConfigMaps first; what was taken out for the environment comes last.
func pack(units []*unit, _ Options) []*object {
	var out []*object
	var vars []variable
	for _, kind := range []Kind{ConfigMap, Secret} {
		var open *object
		for _, u := range units {
			if (u.placement == InConfigMap) != (kind == ConfigMap) {
				continue
			}
			vars = append(vars, u.env...)
			data, size := weigh(u.key, u.content)
			if open == nil || !open.fits(data, size) {
				open = &object{kind: kind}
				out = append(out, open)
			}
			open.units = append(open.units, u)
			open.data, open.size = open.data+data, open.size+size
			u.object = open
		}
	}
	var open *object
	for _, v := range vars {
		data, size := weigh(v.name, v.value)
		if open == nil || !open.fits(data, size) {
			open = &object{kind: Secret, env: true}
			out = append(out, open)
		}
		open.vars = append(open.vars, v)
		open.data, open.size = open.data+data, open.size+size
	}
	return out
}

// contents are what the object holds.
func (o *object) contents() map[string]tree.Content {
	data := map[string]tree.Content{}
	for _, u := range o.units {
		data[u.key] = u.content
	}
	for _, v := range o.vars {
		data[v.name] = v.value
	}
	return data
}

// mount leads every key to all of its paths.
func (o *object) mount() Mount {
	m := Mount{Kind: o.kind, Name: o.name, Env: o.env}
	for _, u := range o.units {
		for _, at := range u.source.paths {
			m.Items = append(m.Items, Item{Key: u.key, Path: at, Mode: u.source.entry.Mode & permissions})
		}
	}
	slices.SortFunc(m.Items, func(a, b Item) int { return strings.Compare(a.Path, b.Path) })
	return m
}
