package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// evaluate does what a builder does with the instructions that are written here:
// FROM, LABEL, COPY of the whole context, ENV, WORKDIR, EXPOSE, STOPSIGNAL, USER and
// ENTRYPOINT. Files that are copied are root's, and a directory that is there
// already stays as it is.
func evaluate(t *testing.T, context string, base func(ref string) v1.Image) v1.Image {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(context, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	ast, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(ast.AST, nil)
	if err != nil || len(stages) != 1 {
		t.Fatalf("%d stages, %v", len(stages), err)
	}
	img := base(stages[0].BaseName)
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.DeepCopy().Config
	lex := shell.NewLex(ast.EscapeToken)
	expand := func(word string) string {
		t.Helper()
		out, _, err := lex.ProcessWord(word, shell.EnvsFromSlice(c.Env))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	here, err := systemOf(t.Context(), img, DefaultBounds, nil)
	if err != nil {
		t.Fatal(err)
	}
	var entries []tarEntry
	for _, cmd := range stages[0].Commands {
		switch cmd := cmd.(type) {
		case *instructions.LabelCommand:
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			for _, kv := range cmd.Labels {
				c.Labels[expand(kv.Key)] = expand(kv.Value)
			}
		case *instructions.CopyCommand:
			if len(cmd.SourcePaths) != 1 || cmd.DestPath != "/" || cmd.Chown != "" || cmd.From != "" {
				t.Fatalf("%s", cmd)
			}
			entries = append(entries, copied(t, here, filepath.Join(context, cmd.SourcePaths[0]))...)
		case *instructions.EnvCommand:
			for _, kv := range cmd.Env {
				c.Env = setVariable(c.Env, kv.Key, expand(kv.Value))
			}
		case *instructions.WorkdirCommand:
			c.WorkingDir = expand(cmd.Path)
			if _, ok := here.has(c.WorkingDir); !ok {
				for at := c.WorkingDir; at != "/"; at = path.Dir(at) {
					if _, ok := here.has(at); !ok && !slices.ContainsFunc(entries, func(e tarEntry) bool { return path.Clean("/"+e.header.Name) == at }) {
						entries = append(entries, dir(at[1:]))
					}
				}
			}
		case *instructions.ExposeCommand:
			if c.ExposedPorts == nil {
				c.ExposedPorts = map[string]struct{}{}
			}
			for _, p := range cmd.Ports {
				c.ExposedPorts[expand(p)] = struct{}{}
			}
		case *instructions.StopSignalCommand:
			c.StopSignal = expand(cmd.Signal)
		case *instructions.UserCommand:
			c.User = expand(cmd.User)
		case *instructions.EntrypointCommand:
			if cmd.PrependShell {
				t.Fatal("the ENTRYPOINT is read by a shell")
			}
			c.Entrypoint, c.Cmd = cmd.CmdLine, nil
		default:
			t.Fatalf("%s is not known here", cmd.Name())
		}
	}
	if img, err = mutate.AppendLayers(img, packed(t, entries...)); err == nil {
		img, err = mutate.Config(img, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// copied are the files of a directory as COPY takes them.
func copied(t *testing.T, here *system, from string) []tarEntry {
	t.Helper()
	var out []tarEntry
	err := filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(from, at)
		info, infoErr := os.Lstat(at)
		if err := errors.Join(err, relErr, infoErr); err != nil || name == "." {
			return err
		}
		h := tar.Header{Name: name, Mode: int64(info.Mode().Perm())}
		switch {
		case d.IsDir():
			if _, ok := here.has(name); ok {
				return nil
			}
			h.Name, h.Typeflag = name+"/", tar.TypeDir
		case d.Type()&fs.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
			h.Linkname, err = os.Readlink(at)
		default:
			content, err := os.ReadFile(at)
			out = append(out, tarEntry{h, string(content)})
			return err
		}
		out = append(out, tarEntry{h, ""})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// flat is the file system of an image, without its times: each name with all that
// is known of it.
func flat(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	stream := mutate.Extract(img)
	defer stream.Close()
	out := map[string]string{}
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			if _, err := io.Copy(io.Discard, stream); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		mode := h.Mode
		if h.Typeflag == tar.TypeSymlink {
			mode = 0
		}
		out[h.Name] = fmt.Sprintf("%c %o %d:%d %q %x %d", h.Typeflag, mode, h.Uid, h.Gid, h.Linkname, sum.Sum(nil), len(h.PAXRecords))
	}
}

// A Dockerfile that a person edits is worth something only where it begins with the
// same image.
func TestTheDockerfileGivesTheSameImage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, facts := application(t)
	base := s.base(baseEntries(libraryEntries(t, facts)...)...)
	for what, c := range map[string]struct {
		base   string
		change func(*Order, map[string]string)
	}{
		"on an approved base": {base, func(*Order, map[string]string) {}},
		"on an empty base":    {scratch, nil},
		"with a directory":    {base, func(o *Order, _ map[string]string) { o.With = []string{"/opt/bank"} }},
		"with words that are hard to say": {base, func(o *Order, _ map[string]string) {
			o.Entrypoint = []string{"/opt/bank/bin/bank", `$HOME "a" 'b' \n ${X:-y}`, "ü # <<EOF", `C:\`, "`x`"}
			o.Facts.Unit.Settings["WorkingDirectory"] = `/srv/a b/$x "y" \z\`
			o.Name = `bank "$HOME" \`
		}},
		"with a library elsewhere": {base, func(o *Order, files map[string]string) {
			p := &o.Facts.Programs[0]
			for i, l := range p.Libraries {
				if stem(path.Base(l.Path)) == "libpcre2" {
					files["opt/gold mine/"+path.Base(l.Path)] = files[l.Path[1:]]
					p.Libraries[i].Path, p.Libraries[i].Package = "/opt/gold mine/"+path.Base(l.Path), ""
				}
			}
		}},
	} {
		t.Run(what, func(t *testing.T) {
			var b *Built
			if c.base == scratch {
				b = wholeOnScratch(t)
			} else {
				files, facts := application(t)
				o := s.order(facts, c.base)
				c.change(&o, files)
				var err error
				b, err = New().Build(t.Context(), o, Root{disk(t, files)}.Read)
				passes(t, b, err)
			}
			out := filepath.Join(t.TempDir(), "out")
			if _, err := b.Save(out); err != nil {
				t.Fatal(err)
			}
			built := evaluate(t, out, func(ref string) v1.Image {
				if ref == scratch {
					return imageOf(t, v1.Config{})
				}
				// The context ends with the test, not with this look.
				img, err := New().pull(context.WithoutCancel(t.Context()), ref, platform(facts.Host.Arch))
				if err != nil {
					t.Fatal(err)
				}
				return img
			})
			want, got := flat(t, b.image), flat(t, built)
			for name := range want {
				if got[name] != want[name] {
					t.Errorf("%s is %s, and by the Dockerfile %s", name, want[name], got[name])
				}
			}
			for name := range got {
				if want[name] == "" {
					t.Errorf("only the Dockerfile makes %s", name)
				}
			}
			if w, g := configText(t, b.image), configText(t, built); w != g {
				t.Errorf("it is configured\n%s\nand by the Dockerfile\n%s\n%s", w, g, b.Dockerfile)
			}
			if strings.Contains(b.Dockerfile, canary) {
				t.Error("the secret is in the Dockerfile")
			}
		})
	}
}

func configText(t *testing.T, img v1.Image) string {
	t.Helper()
	f, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(f.Config, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever a value is, a Dockerfile's reader gives it back, or it is refused.
func FuzzDockerfileWords(f *testing.F) {
	for _, s := range []string{"", "a b", `\`, `"`, `'`, "$HOME", "${A:-b}", "a\\\nUSER root", "# x", "<<EOF", " lead", "trail ", "\\\\\"", "ü\u2028", "\x00", "\xff", "`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c := v1.Config{WorkingDir: "/" + value, Entrypoint: []string{"/a", value}, Labels: map[string]string{"k": value}, Env: []string{"V=" + value}}
		if err := writable(&c); err != nil {
			return
		}
		if strings.ContainsFunc(value, unicode.IsControl) {
			t.Fatalf("%q is taken for writable", value)
		}
		command, err := execForm(c.Entrypoint)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("FROM x\nLABEL k=%s\nENV V=%s\nWORKDIR %s\nENTRYPOINT %s\nUSER 7\n", word(value), word(value), word("/"+value), command)
		ast, err := parser.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		stages, _, err := instructions.Parse(ast.AST, nil)
		if err != nil || len(stages) != 1 || len(stages[0].Commands) != 5 {
			t.Fatalf("%v\n%s", err, text)
		}
		expand := func(word string) string {
			out, _, err := shell.NewLex(ast.EscapeToken).ProcessWord(word, shell.EnvsFromSlice([]string{"HOME=/", "A=b"}))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			return out
		}
		cmds := stages[0].Commands
		if got := expand(cmds[0].(*instructions.LabelCommand).Labels[0].Value); got != value {
			t.Errorf("LABEL gives %q for %q", got, value)
		}
		if got := expand(cmds[1].(*instructions.EnvCommand).Env[0].Value); got != value {
			t.Errorf("ENV gives %q for %q", got, value)
		}
		if got := expand(cmds[2].(*instructions.WorkdirCommand).Path); got != "/"+value {
			t.Errorf("WORKDIR gives %q for %q", got, "/"+value)
		}
		if got := cmds[3].(*instructions.EntrypointCommand).CmdLine; !slices.Equal(got, c.Entrypoint) {
			t.Errorf("ENTRYPOINT gives %q for %q", got, c.Entrypoint)
		}
	})
}
