package canary

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"
)

// Watch looks again and again at all processes of the machine, of whichever
// namespace, until the context ends. It tells seen of each whose arguments or
// variables hold a secret, once for the same; what lives for less than a look it
// misses: Run does not.
func (s *Set) Watch(ctx context.Context, seen func(program string, told []Told)) {
	type look struct{ program, secret string }
	known := map[look]bool{}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			args, _ := os.ReadFile(dir + "/cmdline")
			env, _ := os.ReadFile(dir + "/environ")
			program, _, _ := bytes.Cut(args, []byte{0})
			var told []Told
			for _, t := range append(s.In("arguments", args), s.In("variables", env)...) {
				if l := (look{string(program), t.String()}); !known[l] {
					known[l] = true
					told = append(told, t)
				}
			}
			if len(told) > 0 {
				seen(string(program), told)
			}
		}
	}
}
