package convert

import (
	"cmp"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// Rounds is the cost of the names of a conversion's Secrets, and so of one guess at
// what they hold: a fraction of a second on the machine that converts.
const Rounds = 1_000_000

// digits is how many of a hash stand in a name.
const digits = 10

// nameAll names the objects by what they hold. A ConfigMap's name is a plain hash. A
// Secret's name is public, and what a Secret holds may be guessed, so that its name is
// derived from all Secrets together by a slow function, once per conversion.
func nameAll(objects []*object, o Options) ([]Object, []Mount) {
	var all [][]byte
	for _, x := range objects {
		if x.kind == Secret {
			all = append(all, fingerprint(x))
		}
	}
	var slow []byte
	if len(all) > 0 {
		slow = stretch(slices.Concat(all...), o)
	}
	var objs []Object
	var mounts []Mount
	for _, x := range objects {
		print, word := fingerprint(x), "config"
		if x.kind == Secret {
			mac := hmac.New(sha256.New, slow)
			mac.Write(print)
			print, word = mac.Sum(nil), "secret"
		}
		if x.env {
			word = "env"
		}
		x.name = o.Name + "-" + word + "-" + hex.EncodeToString(print)[:digits]
		objs = append(objs, Object{Kind: x.kind, Namespace: o.Namespace, Name: x.name, Data: x.contents()})
		mounts = append(mounts, x.mount())
	}
	return objs, mounts
}

// SecretNames are the names that a conversion gives to Secrets of these contents: all
// those that it made, in its order. env says of each whether its keys are environment
// variables. Options are those of the conversion, of which Name, NameKey and NameCost
// matter. Other names than they have say that somebody has changed what they hold.
func SecretNames(all []Object, env []bool, o Options) []string {
	objects := make([]*object, 0, len(all))
	for i, s := range all {
		x := &object{kind: Secret, env: env[i]}
		for key, value := range s.Data {
			x.vars = append(x.vars, variable{key, value})
		}
		objects = append(objects, x)
	}
	named, _ := nameAll(objects, o)
	names := make([]string, 0, len(named))
	for _, s := range named {
		names = append(names, s.Name)
	}
	return names
}

// stretch derives a key from what all Secrets hold. The salt keeps one table of guesses
// from serving for all applications; with a key of the organisation in it nobody else
// can guess at all. The namespace is no part of it: staging and production name the
// same content alike.
func stretch(prints []byte, o Options) []byte {
	salt := slices.Concat([]byte("rehome.dev/convert/secret-name/v1\x00"+o.Name+"\x00"), o.NameKey)
	key, err := pbkdf2.Key(sha256.New, string(prints), salt, cmp.Or(o.NameCost, Rounds), sha256.Size)
	if err != nil {
		panic("convert: derive a name: " + err.Error()) // of the sizes alone, which are fixed
	}
	return key
}

// fingerprint is the hash of the object's kind and of its keys and values, each with
// its length before it.
func fingerprint(x *object) []byte {
	h := sha256.New()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(x.kind))
	data := x.contents()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		part([]byte(key))
		part(data[key])
	}
	return h.Sum(nil)
}
