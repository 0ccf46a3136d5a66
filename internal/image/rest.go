package image

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Rest is what an image would hold into which every file is copied that is not the
// system's: the regular files of a machine's own file systems that no package of
// the distribution lists.
type Rest struct {
	Bytes int64
	Files int64
	// Least: it is at least that much, for something could not be seen, or not in time.
	Least bool
}

// Machine is where the files of a build come from, and what is measured there.
type Machine struct {
	Read Read
	Rest func(context.Context) (Rest, error)
}

// notCopied are directories that nobody copies who copies "everything but the
// system": they are the kernel's, empty after a start, or what can be fetched again.
var notCopied = []string{"proc", "sys", "dev", "run", "tmp", "boot", "lost+found", "var/cache", "var/lib/dpkg", "var/lib/apt", "var/tmp"}

// diskTypes are the file systems that a machine's own disks have. That of its root
// counts whatever it is; one of a network, of memory or of a container does not.
var diskTypes = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs", "zfs", "bcachefs"}

// errNoPackages: then nobody knows what is the system's.
var errNoPackages = errors.New("there are no packages of dpkg to tell the system's files by")

// Rest measures the disk below the directory.
func (r Root) Rest(ctx context.Context) (Rest, error) {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return Rest{}, fmt.Errorf("open the machine's disk: %w", err)
	}
	defer root.Close()
	owned, err := packaged(root)
	if err != nil {
		return Rest{}, err
	}
	foreign := r.foreign()
	var out Rest
	err = fs.WalkDir(root.FS(), ".", func(at string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // the walk goes on beside it
			out.Least = out.Least || !errors.Is(err, fs.ErrNotExist)
			return nil
		case d.IsDir() && (slices.Contains(notCopied, at) || foreign(at)):
			return fs.SkipDir
		case !d.Type().IsRegular() || owned[at] || owned[strings.TrimPrefix(at, "usr/")] || foreign(at):
			return nil
		}
		info, err := d.Info()
		if err == nil {
			out.Bytes += info.Size()
			out.Files++
		}
		out.Least = out.Least || err != nil && !errors.Is(err, fs.ErrNotExist)
		return nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		out.Least, err = true, nil
	}
	return out, err
}

// packaged are the files of dpkg's packages.
func packaged(root *os.Root) (map[string]bool, error) {
	lists, err := fs.Glob(root.FS(), "var/lib/dpkg/info/*.list")
	if err != nil || len(lists) == 0 {
		return nil, cmp.Or(err, errNoPackages)
	}
	owned := map[string]bool{}
	for _, list := range lists {
		f, err := root.Open(list)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			owned[strings.TrimPrefix(lines.Text(), "/")] = true
		}
		err = lines.Err()
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", list, err)
		}
	}
	return owned, nil
}

// foreign tells of a path below the directory whether a file system is mounted there
// that is none of the machine's own. Where nothing tells what is mounted, none is.
func (r Root) foreign() func(at string) bool {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	dir, err := filepath.Abs(r.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return func(string) bool { return false }
	}
	return foreignIn(mounts(string(text)), dir)
}

// foreignIn is that of a directory among what is mounted.
func foreignIn(mounted map[string]string, dir string) func(at string) bool {
	above := dir
	for above != "/" && mounted[above] == "" {
		above = path.Dir(above)
	}
	return func(at string) bool {
		kind, is := mounted[path.Join(dir, at)]
		return is && kind != mounted[above] && !slices.Contains(diskTypes, kind)
	}
}

// mounts are the types of the file systems by where they are mounted, out of
// /proc/PID/mountinfo (proc_pid_mountinfo(5)).
func mounts(text string) map[string]string {
	out := map[string]string{}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if ok && len(place) > 4 && len(kind) > 0 {
			out[unescape.Replace(place[4])] = kind[0]
		}
	}
	return out
}

// Ask has a machine's /bin/sh read a script from its standard input, and gives what
// that prints. Its error is what the script says when it fails.
type Ask func(ctx context.Context, script string) (string, error)

// seconds bound the look over a machine's disks, on the machine itself.
const seconds = 100

// restScript does there what Root.Rest does here, by find of GNU and any awk. It
// yields to everything else on the machine, writes nothing there, and ends by itself
// where its connection is lost. A zero byte ends a name; a line's end in one becomes
// another byte, so that no name counts for two.
const restScript = `LC_ALL=C; export LC_ALL
set -- ROOT/var/lib/dpkg/info/*.list
if [ ! -e "$1" ]; then echo none; exit 0; fi
own=$(find ROOT/ -maxdepth 0 -printf %F) || exit
idle=nice
if command -v ionice >/dev/null 2>&1; then idle='nice ionice -c 3'; fi
{ timeout SECONDS $idle find ROOT/ -ignore_readdir_race \( \( PATHS \) -o ! \( -fstype "$own" TYPES \) \) -prune -o -type f -printf '%s /%P\0' 2>/dev/null
  printf 'end %s\0' $?; } | tr '\n\0' '\001\n' | awk '
seen == 0 { owned[$0]; next }
$1 == "end" { code = $2; next }
{ name = substr($0, length($1) + 2)
  if (name in owned || index(name, "/usr/") == 1 && substr(name, 5) in owned) next
  bytes += $1; files++ }
END { printf "%.0f %.0f %s\n", bytes, files, code }' "$@" seen=1 -
`

// The exit codes of find, and of timeout(1), with which something was measured.
const (
	foundAll  = 0
	foundSome = 1
	foundLate = 124
)

func restAt(root string) string {
	var paths, types []string
	for _, p := range notCopied {
		paths = append(paths, "-path "+root+"/"+p)
	}
	for _, t := range append(slices.Clone(diskTypes), "unknown") { // find's name of a volume within a volume
		types = append(types, "-o -fstype "+t)
	}
	return strings.NewReplacer("ROOT", root, "SECONDS", strconv.Itoa(seconds), "PATHS", strings.Join(paths, " -o "), "TYPES", strings.Join(types, " ")).Replace(restScript)
}

// RestOf measures the disks of a machine that is asked by one script.
func RestOf(ctx context.Context, ask Ask) (Rest, error) {
	said, err := ask(ctx, restAt(""))
	if err != nil {
		return Rest{}, fmt.Errorf("measure the machine's disks: %w", err)
	}
	return heardRest(said)
}

// heardRest reads what the script prints, behind what a login may print before it.
func heardRest(said string) (Rest, error) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "none" {
		return Rest{}, errNoPackages
	}
	var r Rest
	var code int
	n, err := fmt.Sscanf(last, "%d %d %d", &r.Bytes, &r.Files, &code)
	switch {
	case err != nil || n != 3 || r.Bytes < 0 || r.Files < 0:
		return Rest{}, errors.New("measure the machine's disks: it did not say how much there is")
	case code != foundAll && code != foundSome && code != foundLate:
		return Rest{}, fmt.Errorf("measure the machine's disks: find and timeout, of GNU, ended there with exit code %d", code)
	}
	r.Least = code != foundAll
	return r, nil
}
