package kubernetes

import "rehome.dev/rehome/internal/convert"

// Body is an object as it is sent.
func Body(o convert.Object, blank bool) ([]byte, error) { return New(Options{}).body(o, blank) }
