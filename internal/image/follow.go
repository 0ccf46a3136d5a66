package image

import (
	"errors"
	"path"
	"strings"
)

// errLoop: links lead to each other.
var errLoop = errors.New("its links lead in a circle")

// mostLinks is how many the kernel follows before it says ELOOP: path_resolution(7).
const mostLinks = 40

// follow is where the links on the way to a path lead, and with last those at its end
// too, as in a root out of which nothing leads; "" is that root. link says of such a
// path whether it is a link, and to what.
func follow(name string, last bool, link func(at string) (target string, is bool, err error)) (string, error) {
	todo := strings.Split(name, "/")
	at := ""
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			continue
		}
		next := path.Join(at, part)
		target, is, err := link(next)
		if err != nil {
			return "", err
		}
		if !is || len(todo) == 0 && !last {
			at = next
			continue
		}
		if hops++; hops > mostLinks {
			return "", errLoop
		}
		if strings.HasPrefix(target, "/") {
			at = ""
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}
