package files

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // it is the checksum that old packages keep, not a protection
	"crypto/sha256"
	"hash"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/collect/scope"
)

const (
	// rpmPatience bounds both questions to rpm together, rpmFiles how many files are
	// asked for, rpmAnswer how much of an answer is taken.
	rpmPatience = 20 * time.Second
	rpmFiles    = 2000
	rpmAnswer   = 8 << 20
)

// ownRPM is own on a machine with rpm's records. Where rpm does not answer, nobody
// owns anything.
func (c *Collector) ownRPM(ctx context.Context, s *scope.Scope, all []*use) {
	if !exists(s.Root, "var/lib/rpm", "usr/lib/sysimage/rpm") || c.roots[s.Main] != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rpmPatience)
	defer cancel()
	var asked []*use
	var paths []string
	for _, u := range all {
		if len(asked) == rpmFiles {
			break
		}
		if u.kind == regular && !u.deleted && !u.gone && strings.HasPrefix(u.path, "/") && !strings.ContainsAny(u.path, "\n") && exists(s.Root, u.path) {
			asked, paths = append(asked, u), append(paths, u.path)
		}
	}
	if len(asked) == 0 {
		return
	}
	// It answers with a line for each file, in their order; a name has no blank.
	out := askRPM(ctx, s.Root, append([]string{"--query", "--file", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\n"}, paths...))
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(asked) {
		return
	}
	owners := map[string]bool{}
	for i, u := range asked {
		if name, version, is := strings.Cut(lines[i], " "); is && name != "" && !strings.Contains(version, " ") {
			u.pkg = lines[i]
			owners[name] = true
		}
	}
	if len(owners) == 0 {
		return
	}
	sums := parseDump(askRPM(ctx, s.Root, append([]string{"--query", "--configfiles", "--dump"}, slices.Sorted(maps.Keys(owners))...)))
	for _, u := range asked {
		if sum := sums[u.path]; u.pkg != "" && sum != "" && u.size <= settingsLargest {
			u.edited = differs(view(s, s.Main, u.path), sum)
		}
	}
}

func exists(root string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := stat(filepath.Join(root, name))
		return err == nil
	})
}

// askRPM gives what rpm prints, also when it says by its exit code that some file
// is nobody's.
func askRPM(ctx context.Context, root string, args []string) []byte {
	if root != "/" {
		args = append([]string{"--root", root}, args...)
	}
	path, err := exec.LookPath("rpm")
	if err != nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(pipe, rpmAnswer))
	_, _ = io.Copy(io.Discard, pipe)
	_ = cmd.Wait()
	if err != nil || ctx.Err() != nil {
		return nil
	}
	return out
}

// parseDump gives the checksums of settings from lines of rpm's --dump: the path,
// which may hold blanks, and ten columns, of which the third is the checksum.
func parseDump(out []byte) map[string]string {
	sums := map[string]string{}
	for line := range bytes.Lines(out) {
		column := strings.Split(strings.TrimSuffix(string(line), "\n"), " ")
		if n := len(column) - 10; n > 0 && sumOf(column[n+2]) != nil && strings.Trim(column[n+2], "0") != "" {
			sums[strings.Join(column[:n], " ")] = column[n+2]
		}
	}
	return sums
}

// sumOf makes what a checksum was made with, known by its length; nil for another.
func sumOf(sum string) hash.Hash {
	switch len(sum) {
	case 2 * md5.Size:
		return md5.New() //nolint:gosec // as above
	case 2 * sha256.Size:
		return sha256.New()
	}
	return nil
}
