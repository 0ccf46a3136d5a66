package vm

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"rehome.dev/rehome/internal/tree"
)

// Bounds on the files that are read at once, all together.
const (
	mostFileBytes = 2 << 30
	mostFiles     = 500_000
)

// ReadFiles reads files of a machine by their absolute paths, with their contents: a
// directory with everything below it, a link as a link. The machine's own tar(1)
// sends them through the session, so that nothing is copied there, and they are
// nowhere but in this process's memory. fs.ErrNotExist says that one of them is not
// there; there is no tree where there is an error. Its root is "/".
func (f *Fleet) ReadFiles(ctx context.Context, r Reach, paths []string) (tree.Tree, error) {
	for _, p := range paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsRune(p, 0) {
			return tree.Tree{}, fmt.Errorf("%s is no path of another machine", tree.Name(p))
		}
	}
	var t tree.Tree
	err := f.once(ctx, r, func(m *machine) (err error) {
		t, err = m.files(paths, f.settings.Sudo)
		return err
	})
	if err != nil {
		t.Forget()
		return tree.Tree{}, err
	}
	t.Host = r.Host
	return t, nil
}

// archiveScript has tar read its names from standard input, each ended by a zero.
const archiveScript = `LC_ALL=C exec "$@" tar -C / --null --verbatim-files-from -T - -cf -`

func (m *machine) files(paths []string, sudo bool) (tree.Tree, error) {
	var names strings.Builder
	for _, p := range paths {
		name := strings.TrimPrefix(path.Clean(p), "/")
		if name == "" {
			name = "."
		}
		names.WriteString("./" + name + "\x00")
	}
	s, err := m.shell(archiveScript, sudo, names.String())
	if err != nil {
		return tree.Tree{}, err
	}
	defer s.Close()
	t, err := unpacked(s.out)
	if err != nil {
		return t, err
	}
	if err := s.Wait(); err != nil {
		return t, archiveError(err, s.said.String())
	}
	return t, nil
}

// archiveError is what tar's end means, by what it says in its own language.
func archiveError(err error, said string) error {
	if _, ended := errors.AsType[*ssh.ExitError](err); !ended {
		return ErrLost
	}
	said = lastLines(said, 3)
	switch {
	case strings.Contains(said, "Permission denied"):
		return withHint(fmt.Errorf("%s: %w", redacted(said), fs.ErrPermission), "log in as a user who may read it, or let the policy's ssh.sudo do it")
	case strings.Contains(said, "No such file or directory"):
		return fmt.Errorf("%s: %w", redacted(said), fs.ErrNotExist)
	case strings.Contains(said, "not found"):
		return withHint(errors.New(redacted(said)), "the machine needs tar, or mount its disk here and name it with --root")
	}
	return errors.New(redacted(said))
}

// unpacked takes the entries out of an archive.
func unpacked(stream io.Reader) (tree.Tree, error) {
	t := tree.Tree{Root: "/"}
	archive := tar.NewReader(stream)
	for left := int64(mostFileBytes); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, io.LimitReader(stream, 1<<20))
			slices.SortFunc(t.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
			t.Entries = slices.CompactFunc(t.Entries, func(a, b tree.Entry) bool { return a.Path == b.Path })
			return t, err
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return t, fmt.Errorf("read what tar sends: %w", err)
		}
		if left -= h.Size; left < 0 || len(t.Entries) == mostFiles {
			return t, fmt.Errorf("the files are more than %d bytes or %d names", int64(mostFileBytes), mostFiles)
		}
		e, err := archived(h, archive, t.Entries)
		if err != nil {
			return t, err
		}
		t.Entries = append(t.Entries, e)
	}
}

func archived(h *tar.Header, content io.Reader, before []tree.Entry) (tree.Entry, error) {
	name := func(s string) string { return strings.TrimPrefix(path.Clean("/"+s), "/") }
	e := tree.Entry{Path: name(h.Name), Mode: uint32(h.Mode & 0o7777), UID: int64(h.Uid), GID: int64(h.Gid), User: h.Uname, Group: h.Gname}
	switch h.Typeflag {
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		if err != nil {
			return e, fmt.Errorf("read what tar sends: %w", err)
		}
		sum := sha256.Sum256(data)
		e.Kind, e.Content, e.Size, e.SHA256 = tree.File, data, int64(len(data)), hex.EncodeToString(sum[:])
	case tar.TypeLink: // another name of a file that came before
		i := slices.IndexFunc(before, func(b tree.Entry) bool { return b.Path == name(h.Linkname) })
		if i < 0 {
			return e, fmt.Errorf("%s is another name of what tar has not sent", tree.Name(e.Path))
		}
		was := before[i]
		e.Kind, e.Content, e.Size, e.SHA256 = was.Kind, was.Content, was.Size, was.SHA256
	case tar.TypeDir:
		e.Kind = tree.Dir
	case tar.TypeSymlink:
		e.Kind, e.Target = tree.Link, h.Linkname
	case tar.TypeFifo:
		e.Kind = tree.FIFO
	default:
		e.Kind = tree.Device
	}
	return e, nil
}
