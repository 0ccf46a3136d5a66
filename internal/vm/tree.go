package vm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"rehome.dev/rehome/internal/agent"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/tree/disk"
)

// TreeOptions bound the reading of a tree.
type TreeOptions = disk.Options

// ReadTree reads the tree below root on a machine, with its files' contents or
// their hashes alone. Contents are in the memory of both sides and nowhere else: the
// agent sends them through the session, and nobody logs it. The root, like every
// name, may be any bytes.
//
// What stands against the tree itself (files that cannot be read, are too big, or
// change) is named with all its paths: by a *tree.Failure in an *Error where the
// machine is another one, by a *disk.Error here. Where there is an error there is no
// tree.
func (f *Fleet) ReadTree(ctx context.Context, r Reach, root string, o TreeOptions) (tree.Tree, error) {
	most := f.settings.limits.slack + o.Quiet
	ctx, cancel := context.WithTimeoutCause(ctx, most, withHint(fmt.Errorf("it took longer than %s", most), "the machine is too busy or too slow, or somebody was not there to answer"))
	defer cancel()
	if r.Local {
		t, err := disk.Read(ctx, root, o)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return t, err
	}
	if !strings.HasPrefix(root, "/") || strings.ContainsRune(root, 0) {
		return tree.Tree{}, withHint(fmt.Errorf("%s is no directory of another machine", tree.Name(root)), "write its whole path, such as /etc/bank")
	}
	ring := &keyring{settings: f.settings, unlocked: map[string]ssh.Signer{}}
	m, err := ring.dial(ctx, r)
	if err != nil {
		return tree.Tree{}, err
	}
	defer m.close()
	t, err := ring.tree(ctx, m, root, o)
	if err != nil {
		return tree.Tree{}, &Error{Machine: m.reach.title(), Err: err}
	}
	t.Host = r.Host
	return t, nil
}

// tree looks what the machine is, and has the tree read there.
func (k *keyring) tree(ctx context.Context, m *machine, root string, o TreeOptions) (tree.Tree, error) {
	on, err := m.platform(ctx)
	if err != nil {
		return tree.Tree{}, err
	}
	b, err := k.settings.binary(on.arch)
	if err != nil {
		return tree.Tree{}, err
	}
	o = o.Filled()
	request := agent.TreeRequest{
		Root: []byte(root), Content: o.Content, Partial: o.Partial, Quiet: o.Quiet,
		MaxFile: o.MaxFile, MaxTotal: o.MaxTotal, MaxEntries: o.MaxEntries,
	}
	var t tree.Tree
	err = k.errand(ctx, m, b, verbTree, request, func(lines *bufio.Reader) error {
		var err error
		t, err = hearTree(lines, tree.Bounds{Bytes: o.MaxTotal, Entries: o.MaxEntries})
		return err
	})
	if err != nil {
		t.Forget()
		return tree.Tree{}, err
	}
	return t, nil
}

// hearTree takes the tree out of what the agent says, behind what a login may print
// before it.
func hearTree(lines *bufio.Reader, most tree.Bounds) (tree.Tree, error) {
	for noise := 0; ; {
		line, err := nextLine(lines)
		if err != nil {
			return tree.Tree{}, err
		}
		if strings.HasSuffix(string(line)+"\n", tree.Magic) {
			break
		}
		if noise += len(line); noise > maxNoise {
			return tree.Tree{}, errNoise
		}
	}
	t, err := tree.Decode(io.MultiReader(strings.NewReader(tree.Magic), lines), most)
	if failure, ok := errors.AsType[*tree.Failure](err); ok {
		return tree.Tree{}, &tree.Failure{Err: redacted(failure.Err), Help: redacted(failure.Help)}
	}
	if errors.Is(err, tree.ErrBroken) {
		if _, more := lines.Peek(1); more != nil {
			return tree.Tree{}, errNone // it was cut off: how the session ends tells why
		}
	}
	return t, err
}

// PreviewTree says what ReadTree would do, without reaching anybody.
func (f *Fleet) PreviewTree(r Reach, root string) []string {
	if r.Local {
		return []string{"read " + tree.Name(root) + " from this process"}
	}
	lines := f.Preview(Order{Reach: r})
	for i, l := range lines {
		lines[i] = strings.Replace(l, "rehome-agent "+verbProbe, "rehome-agent "+verbTree+", which reads "+tree.Name(root)+" and sends it through the session", 1)
	}
	return lines
}
