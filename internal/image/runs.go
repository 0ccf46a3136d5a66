package image

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
)

// labels of an image that this package sets.
const labelTitle = "org.opencontainers.image.title"

// config is how the image runs: the base's configuration with the application's
// user, command, directory, ports and signal.
func (g *gathering) config(ctx context.Context, base v1.Image) (*v1.ConfigFile, error) {
	was, err := base.ConfigFile()
	if err != nil {
		return nil, registryError("look at", g.order.Base, err)
	}
	file := was.DeepCopy()
	c := &file.Config
	*c = v1.Config{Env: c.Env, Labels: c.Labels, ExposedPorts: c.ExposedPorts, Volumes: c.Volumes, Healthcheck: c.Healthcheck,
		WorkingDir: c.WorkingDir, StopSignal: c.StopSignal, Shell: c.Shell}
	if len(was.Config.OnBuild) > 0 {
		g.built.Findings = append(g.built.Findings, Finding{Code: CodeBase, Subject: g.order.Base, Verdict: migration.Fail,
			Text: "the base has ONBUILD steps, which only a builder can run", Remedy: "choose an approved base without them"})
	}
	c.User = g.user(ctx)
	c.Entrypoint = g.command()
	if dir := workingDirectory(g.order.Facts); dir != "" {
		c.WorkingDir = dir
		if err := g.directory(dir); err != nil {
			return nil, err
		}
	}
	if c.ExposedPorts == nil && len(ports(g.order.Facts)) > 0 {
		c.ExposedPorts = map[string]struct{}{}
	}
	for _, p := range ports(g.order.Facts) {
		c.ExposedPorts[p] = struct{}{}
	}
	if u := g.order.Facts.Unit; u != nil && signalName.MatchString(u.KillSignal) && u.KillSignal != "SIGTERM" {
		c.StopSignal = u.KillSignal
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	c.Labels[labelTitle] = g.order.Name
	c.Labels[labelBase] = g.order.Base
	delete(c.Labels, labelDigest)
	if digest := migration.ImageDigest(g.built.Base); digest != "" {
		c.Labels[labelBase], c.Labels[labelDigest] = untagged(g.order.Base), digest
	}
	if len(g.dirs) > 0 {
		c.Env = setVariable(c.Env, "LD_LIBRARY_PATH", strings.Join(g.dirs, ":"))
	}
	if err := writable(c); err != nil {
		g.built.Findings = append(g.built.Findings, Finding{Code: CodeFiles, Subject: g.order.Name, Verdict: migration.Fail, Text: err.Error(), Remedy: "say it with --entrypoint, or rename what has that name on the machine"})
	}
	return file, nil
}

var signalName = regexp.MustCompile(`^SIG[A-Z0-9+]+$`)

// setVariable replaces a variable, or adds it at the end, as ENV does.
func setVariable(env []string, key, value string) []string {
	env = slices.Clone(env)
	for i, pair := range env {
		if name, _, _ := strings.Cut(pair, "="); name == key {
			env[i] = key + "=" + value
			return env
		}
	}
	return append(env, key+"="+value)
}

// directory makes the directory in which the application begins, where nothing
// that was taken and nothing of the base is there.
func (g *gathering) directory(dir string) error {
	at, err := g.base.resolve(dir, true)
	if err != nil {
		return err
	}
	if _, ok := g.base.nodes[at]; ok || at == "" {
		return nil
	}
	if !slices.ContainsFunc(g.built.Files, func(f File) bool { return f.Path == at }) {
		g.built.Files = append(g.built.Files, File{Path: at, Kind: tree.Dir, Mode: 0o755, Why: "working directory"})
	}
	return nil
}

func mainProcess(f inventory.Facts) (inventory.Process, bool) {
	i := slices.IndexFunc(f.Processes, func(p inventory.Process) bool { return p.Main })
	if i < 0 && len(f.Processes) == 1 {
		i = 0
	}
	if i < 0 {
		return inventory.Process{}, false
	}
	return f.Processes[i], true
}

var userText = regexp.MustCompile(`^[1-9][0-9]{0,9}(:[0-9]{1,10})?$`)

// user is whom the image runs as: a number above 0, which runAsNonRoot can judge.
func (g *gathering) user(ctx context.Context) string {
	f := Finding{Code: CodeUser, Subject: g.order.Name, Verdict: migration.Fail, Remedy: "say as whom it may run: --user 65532:65532"}
	user := g.order.User
	main, known := mainProcess(g.order.Facts)
	switch {
	case user != "" && !userText.MatchString(user):
		f.Text = fmt.Sprintf("--user %s is not UID or UID:GID above 0", plainText(user))
	case user != "":
	case !known:
		f.Text = "the facts do not tell which process is the main one, nor as whom it runs"
	case main.UID == 0:
		f.Text = "on the machine it runs as root"
	default:
		user = fmt.Sprintf("%d:%d", main.UID, g.groupOf(ctx, main.UID))
	}
	if f.Text == "" {
		f.Verdict, f.Text, f.Remedy = migration.Pass, "it runs as user "+user, ""
	}
	g.built.Findings = append(g.built.Findings, f)
	return user
}

// groupOf is the group of a user by the machine's passwd(5), or that of the same
// number.
func (g *gathering) groupOf(ctx context.Context, uid int) int {
	t, err := g.read(ctx, []string{"/etc/passwd"})
	if err != nil || len(t.Entries) != 1 {
		return uid
	}
	for line := range strings.Lines(string(t.Entries[0].Content)) {
		fields := strings.Split(line, ":")
		if len(fields) > 3 && fields[2] == strconv.Itoa(uid) {
			if gid, err := strconv.Atoi(fields[3]); err == nil {
				return gid
			}
		}
	}
	return uid
}

// command is what the image runs. A command line that held a secret is no use: what
// was taken out of it cannot be run.
func (g *gathering) command() []string {
	if len(g.order.Entrypoint) > 0 {
		return g.order.Entrypoint
	}
	words, from := commandOf(g.order.Facts)
	f := Finding{Code: CodeFiles, Subject: g.order.Name, Verdict: migration.Fail, Remedy: "say it with --entrypoint, once for each word"}
	switch {
	case len(words) == 0:
		f.Text = "the facts do not tell what starts it"
	case !path.IsAbs(words[0]):
		f.Text = fmt.Sprintf("%s begins with %s, which is no absolute path", from, plainText(words[0]))
	case slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "[redacted") }):
		f.Code, f.Text = CodeSecret, from+" holds a secret, which was taken out of the facts"
		f.Remedy = "give the secret as a variable of a Secret, and the command without it with --entrypoint"
	default:
		return words
	}
	g.built.Findings = append(g.built.Findings, f)
	return nil
}

// commandOf is the command of the main process, or of the unit where the process
// has written another title over its own.
func commandOf(f inventory.Facts) (words []string, from string) {
	main, known := mainProcess(f)
	if known && len(main.Command) > 0 && !main.Replaced {
		words = slices.Clone(main.Command)
		switch {
		case len(words) == 1 && strings.Contains(words[0], " "):
		case path.IsAbs(words[0]):
			return words, "the command of its process"
		case path.IsAbs(main.Executable) && path.Base(words[0]) == path.Base(main.Executable):
			words[0] = main.Executable
			return words, "the command of its process"
		}
	}
	if f.Unit != nil && len(f.Unit.Start) == 1 && !strings.ContainsAny(f.Unit.Start[0], "\"'\\$%;{") {
		words = strings.Fields(strings.TrimLeft(f.Unit.Start[0], "-@:+!"))
		return words, "the ExecStart of its unit"
	}
	if known && path.IsAbs(main.Executable) && len(main.Command) == 0 {
		return []string{main.Executable}, "its executable"
	}
	return nil, ""
}

func workingDirectory(f inventory.Facts) string {
	if f.Unit == nil {
		return ""
	}
	dir := strings.TrimLeft(f.Unit.Settings["WorkingDirectory"], "-!")
	if !path.IsAbs(dir) || path.Clean(dir) == "/" {
		return ""
	}
	return path.Clean(dir)
}

// ports are those on which it can be reached from elsewhere.
func ports(f inventory.Facts) []string {
	var out []string
	for _, l := range f.Listeners {
		if l.Loopback || l.Port == 0 {
			continue
		}
		protocol := strings.TrimSuffix(l.Protocol, "6")
		if p := fmt.Sprintf("%d/%s", l.Port, protocol); !slices.Contains(out, p) && (protocol == "tcp" || protocol == "udp") {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}
