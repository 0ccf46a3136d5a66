package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var (
	errChanged = errors.New("it changed while it was read")
	errMuch    = errors.New("too much was read before it")
	errCircle  = errors.New("its links lead in a circle")
)

// content is what a file says: its keyed digest, and the bytes themselves where
// they are few enough to be looked through.
type content struct {
	digest string
	data   []byte
	large  bool // data is only its beginning
}

// read takes a regular file. One that changes meanwhile is read once more, and
// then given up: half of two versions is neither.
func (r *reading) read(host string) (content, error) {
	for attempt := 0; ; attempt++ {
		c, err := r.once(host)
		if !errors.Is(err, errChanged) || attempt == 1 {
			return c, err
		}
	}
}

func (r *reading) once(host string) (content, error) {
	if err := r.ctx.Err(); err != nil {
		return content{}, errors.New("there was no time left to read it")
	}
	f, err := open(host)
	if err != nil {
		return content{}, err
	}
	defer f.Close()
	before, err := f.Stat()
	switch {
	case err != nil:
		return content{}, err
	case !before.Mode().IsRegular():
		return content{}, errors.New("it is no regular file any more")
	case before.Size() > r.bytes:
		return content{}, errMuch
	}
	c, n, err := r.take(f, before.Size())
	r.bytes -= n
	if err != nil {
		return content{}, err
	}
	r.again(host)
	after, err := os.Stat(host)
	if err != nil {
		return content{}, err
	}
	if n != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
		return content{}, errChanged
	}
	return c, nil
}

// take reads to the end, or to a little behind where it should be.
func (r *reading) take(f io.Reader, size int64) (content, int64, error) {
	var sum hash.Hash
	into := []io.Writer{}
	if len(r.key) > 0 {
		sum = hmac.New(sha256.New, r.key)
		into = append(into, sum)
	}
	var head prefix
	head.most = int(min(size, mostJudged))
	n, err := io.Copy(io.MultiWriter(append(into, &head)...), io.LimitReader(f, size+1))
	c := content{data: head.data, large: size > mostJudged}
	if sum != nil {
		c.digest = hex.EncodeToString(sum.Sum(nil))
	}
	return c, n, err
}

// prefix keeps the beginning of what is written to it.
type prefix struct {
	data []byte
	most int
}

func (p *prefix) Write(b []byte) (int, error) {
	if room := p.most - len(p.data); room > 0 {
		p.data = append(p.data, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// open never waits, follows no link, and leaves the time of the last access as it
// is where this process may do so (root and the file's owner).
func open(host string) (*os.File, error) {
	flags := os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(host, flags|noAtime, 0)
	if errors.Is(err, syscall.EPERM) {
		f, err = os.OpenFile(host, flags, 0)
	}
	return f, err
}

// digest is the keyed digest of one setting. The key path is in it, so that equal
// values of different settings do not look alike.
func (r *reading) digest(key, value string) string {
	sum := hmac.New(sha256.New, r.key)
	_, _ = io.WriteString(sum, key+"\x00"+value) // a hash takes everything
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// resolve follows the links of a name below root, as a process would whose root
// that is, and gives the name outside.
func resolve(root, name string) (string, error) {
	todo := strings.Split(filepath.Clean("/"+name), "/")
	at := "/"
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, part)
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil { // no link, or nothing there
			at = next
			continue
		}
		if links++; links > 40 {
			return "", errCircle
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		todo = append(strings.Split(to, "/"), todo...)
	}
	return filepath.Join(root, at), nil
}
