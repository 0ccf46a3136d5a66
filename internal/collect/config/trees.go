package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
)

// smallFile is the size up to which a configuration file outside of the known
// directories is taken in.
const smallFile = 1 << 20

// trees reads the configuration directories that are known, that of the unit,
// its environment files, and the configuration files that were seen elsewhere.
func (r *reading) trees() {
	roots := r.roots()
	for i := 0; i < len(roots); i++ {
		if len(r.facts.Trees) == mostTrees {
			r.blind(roots[i], "there are too many places with configuration")
			return
		}
		tree, beyond := r.tree(roots[i])
		r.facts.Trees = append(r.facts.Trees, tree)
		for _, dir := range beyond {
			if !within(roots, dir) && !notOurs(dir) && len(roots) < mostTrees {
				roots = append(roots, dir)
			}
		}
	}
}

func (r *reading) roots() []string {
	var roots []string
	add := func(name string, always bool) {
		name = path.Clean(name)
		if !path.IsAbs(name) || within(roots, name) {
			return
		}
		if host, err := r.host(name); !always && (err != nil || !exists(host)) {
			return
		}
		roots = append(slices.DeleteFunc(roots, func(known string) bool { return within([]string{name}, known) }), name)
	}
	for _, d := range r.scope.Request.Dirs {
		add(d, true)
	}
	if u := r.facts.Unit; u != nil {
		name := strings.TrimSuffix(path.Base(u.Name), path.Ext(u.Name))
		name, _, _ = strings.Cut(name, "@")
		add("/etc/"+name, false)
		for _, e := range u.EnvironmentFiles { // patterns, maybe with what systemctl adds to them
			e, _, _ = strings.Cut(strings.TrimPrefix(e, "-"), " (ignore_errors=")
			for _, name := range r.present(e) {
				add(name, false)
			}
		}
	}
	for _, f := range r.facts.Files {
		if f.Class == inventory.FileConfig && (f.Package == "" || f.Edited) && !notOurs(f.Path) && f.Size <= smallFile && !f.Deleted {
			add(f.Path, false)
		}
	}
	return roots
}

// systems are files below /etc and elsewhere that every program opens.
var systems = []string{"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
	"/etc/hostname", "/etc/localtime", "/etc/timezone", "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/networks", "/etc/ethers", "/etc/rpc", "/etc/mime.types", "/etc/locale.alias", "/etc/locale.conf",
	"/etc/machine-id", "/etc/os-release", "/etc/login.defs", "/etc/environment", "/etc/security", "/etc/pam.d", "/etc/systemd", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust", "/etc/pki/java",
	"/etc/ca-certificates", "/etc/crypto-policies", "/etc/alternatives", "/etc/fonts", "/etc/selinux", "/etc/apparmor.d", "/etc/init.d", "/etc/inputrc", "/etc/terminfo", "/etc/java-", "/etc/profile", "/etc/bash.bashrc",
	"/usr/lib", "/usr/lib64", "/usr/share", "/usr/bin", "/usr/sbin", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/dev", "/run", "/tmp", "/var/log", "/var/cache", "/var/run", "/var/lib/ca-certificates", "/boot"}

// notOurs says that a place belongs to the system, and is looked at only where
// somebody asks for it.
func notOurs(name string) bool {
	return name == "/" || name == "/etc" || name == "/usr" || name == "/var" || within(systems, name) || strings.HasPrefix(name, "/etc/java-")
}

// within says whether a name is one of the roots or below one of them.
func within(roots []string, name string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || root == "/" || strings.HasPrefix(name, root+"/")
	})
}

func exists(host string) bool {
	_, err := os.Lstat(host)
	return err == nil
}

func isDir(host string) bool {
	info, err := os.Stat(host)
	return err == nil && info.IsDir()
}

// walk is the reading of one tree.
type walk struct {
	*reading
	root   string // on the machine
	tree   inventory.Tree
	beyond []string // directories to which links lead out
}

// tree reads one root, a directory or a file. Its own entry is ".".
func (r *reading) tree(root string) (inventory.Tree, []string) {
	w := walk{reading: r, root: root, tree: inventory.Tree{Path: inventory.Name(root), KeyID: r.scope.Request.KeyID}}
	if len(r.key) == 0 {
		w.tree.KeyID = ""
	}
	host, err := r.host(root)
	if err == nil {
		_, err = os.Lstat(host)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.tree.Missing = true
	case err != nil:
		r.blind(root, reason(err))
	default:
		w.visit(".", host, 0)
	}
	if w.tree.Truncated > 0 {
		r.blind(root, "has too many entries to be listed")
	}
	return w.tree, w.beyond
}

// visit lists one entry, and what is below it.
func (w *walk) visit(name, host string, deep int) {
	if w.entries == 0 {
		w.tree.Truncated++
		return
	}
	w.entries--
	info, err := os.Lstat(host)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // it may go while one looks
			w.unreadable(inventory.TreeEntry{Path: inventory.Name(name)}, err)
		}
		return
	}
	e := inventory.TreeEntry{Path: inventory.Name(name), Mode: mode(info.Mode()), Owner: w.owner(info), Size: info.Size()}
	switch {
	case info.IsDir():
		w.directory(e, name, host, deep)
	case info.Mode()&fs.ModeSymlink != 0:
		w.link(e, name, host)
	case info.Mode().IsRegular():
		w.file(e, host)
	default:
		e.Unreadable = "is no file: " + kind(info.Mode())
		w.tree.Entries = append(w.tree.Entries, e)
	}
}

func (w *walk) directory(e inventory.TreeEntry, name, host string, deep int) {
	e.Size = 0 // depends on the file system
	if deep == deepest || w.ctx.Err() != nil {
		w.unreadable(e, errors.New("is not looked into: it is too deep, or there is no time left"))
		return
	}
	entries, err := list(host)
	if err != nil {
		w.unreadable(e, err)
		return
	}
	w.tree.Entries = append(w.tree.Entries, e)
	for _, entry := range entries {
		w.visit(path.Join(name, entry.Name()), filepath.Join(host, entry.Name()), deep+1)
	}
}

// list gives a directory in order, or its first so many entries in any.
func list(host string) ([]fs.DirEntry, error) {
	dir, err := os.Open(host)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(2 * mostEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// link lists where a link leads. A file outside of the tree is the tree's content
// all the same; a directory becomes a tree of its own.
func (w *walk) link(e inventory.TreeEntry, name, host string) {
	to, err := os.Readlink(host)
	if err != nil {
		w.unreadable(e, err)
		return
	}
	e.Link = inventory.Name(to)
	at, err := w.host(path.Join(w.root, name))
	if err != nil {
		e.Unreadable = err.Error()
		w.tree.Entries = append(w.tree.Entries, e)
		return
	}
	switch info, err := os.Lstat(at); {
	case errors.Is(err, fs.ErrNotExist):
		e.Unreadable = "leads nowhere"
	case err != nil:
		w.unreadable(e, err)
		return
	case info.Mode().IsRegular() && !within([]string{w.root}, w.in(at)):
		w.file(e, at)
		return
	case info.IsDir() && !within([]string{w.root}, w.in(at)):
		w.beyond = append(w.beyond, w.in(at))
	}
	w.tree.Entries = append(w.tree.Entries, e)
}

func (w *walk) file(e inventory.TreeEntry, host string) {
	c, err := w.read(host)
	if err != nil {
		w.unreadable(e, err)
		return
	}
	e.Digest = c.digest
	w.judge(&e, path.Join(w.root, e.Path), c)
	w.tree.Entries = append(w.tree.Entries, e)
}

func (w *walk) unreadable(e inventory.TreeEntry, err error) {
	e.Unreadable = reason(err)
	w.tree.Entries = append(w.tree.Entries, e)
	w.blind(path.Join(w.root, e.Path), e.Unreadable)
}

// reason is the error without the file's name, which stands beside it.
func reason(err error) string {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
