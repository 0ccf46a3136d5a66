package owner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// rpmPatience bounds both questions to rpm together, rpmFiles how many files are
	// asked for, rpmAnswer how much of an answer is taken.
	rpmPatience = 20 * time.Second
	rpmFiles    = 2000
	rpmAnswer   = 8 << 20
)

// rpm asks for the owners, and then for the settings of those (rpm(8)). It answers
// with a line for each file, in their order; a name has no blank.
func rpm(ctx context.Context, root string, paths []string) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, rpmPatience)
	defer cancel()
	var asked []string
	for _, path := range paths {
		if len(asked) < rpmFiles && strings.HasPrefix(path, "/") && !strings.Contains(path, "\n") && exists(root, path) {
			asked = append(asked, path)
		}
	}
	found := Found{Package: map[string]string{}, Settings: map[string]string{}}
	if len(asked) == 0 {
		return found, nil
	}
	out, err := ask(ctx, root, append([]string{"--query", "--file", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\n"}, asked...))
	if err != nil {
		return Found{}, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(asked) {
		return Found{}, errors.New("rpm answered something else than a line for each file")
	}
	owners := map[string]bool{}
	for i, path := range asked {
		if name, version, is := strings.Cut(lines[i], " "); is && name != "" && !strings.Contains(version, " ") {
			found.Package[path] = lines[i]
			owners[name] = true
		}
	}
	if len(owners) == 0 {
		return found, nil
	}
	// Owners without their settings are better than nothing.
	out, err = ask(ctx, root, append([]string{"--query", "--configfiles", "--dump"}, slices.Sorted(maps.Keys(owners))...))
	if err == nil {
		found.Settings = dumped(out)
	}
	return found, nil
}

// ask gives what rpm prints, also when it says by its exit code that some file is
// nobody's.
func ask(ctx context.Context, root string, args []string) ([]byte, error) {
	if filepath.Clean(root) != "/" {
		args = append([]string{"--root", root}, args...)
	}
	path, err := exec.LookPath("rpm")
	if err != nil {
		return nil, errors.New("rpm is not there")
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil, errors.New("rpm could not be run")
	}
	out, err := io.ReadAll(io.LimitReader(pipe, rpmAnswer))
	_, _ = io.Copy(io.Discard, pipe)
	_ = cmd.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("rpm did not answer in %s", rpmPatience)
	}
	return out, err
}

// dumped gives the checksums of settings from lines of rpm's --dump: the path,
// which may hold blanks, and ten columns, of which the third is the checksum.
func dumped(out []byte) map[string]string {
	sums := map[string]string{}
	for line := range bytes.Lines(out) {
		column := strings.Split(strings.TrimSuffix(string(line), "\n"), " ")
		n := len(column) - 10
		if n < 1 {
			continue
		}
		if sum := column[n+2]; strings.Trim(sum, "0") != "" {
			sums[strings.Join(column[:n], " ")] = sum
		}
	}
	return sums
}
