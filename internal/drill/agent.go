package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/tree"
)

// errNoImage is that no image of the agent is known.
var errNoImage = errors.New("the policy names no image of the agent")

const imageRemedy = "build the agent's image, push it where the cluster can pull it, and name it by digest as images.agent in the policy"

// program runs commands of the agent in one pod.
type program func(ctx context.Context, args ...string) ([]byte, error)

// enter puts the agent into a pod.
func (t *trial) enter(ctx context.Context, p Pod) (program, error) {
	if t.policy.AgentImage == "" {
		return nil, errNoImage
	}
	run, err := t.bench.Enter(ctx, p, t.policy.AgentImage, agentLife)
	return run, err
}

// blind is the outcome where the agent is missing or cannot be used.
func blind(err error) outcome {
	if errors.Is(err, errNoImage) {
		return unknown("Nothing can look from within a pod: "+err.Error()+".", imageRemedy)
	}
	return cannot("look from within a pod", err)
}

// mostEntries bounds a tree that comes out of a pod.
const mostEntries = 200_000

// tree hashes what stands below a directory of the pod. An entry that cannot be
// read says so itself.
func (run program) tree(ctx context.Context, dir string) (tree.Tree, error) {
	out, failed := run(ctx, "tree", "--hash", "--partial", dir)
	t, err := tree.Decode(bytes.NewReader(out), tree.Bounds{Entries: mostEntries})
	var said *tree.Failure
	switch {
	case errors.As(err, &said), err != nil && failed == nil:
		return tree.Tree{}, fmt.Errorf("read %s: %w", dir, err)
	case failed != nil:
		return tree.Tree{}, fmt.Errorf("read %s: %w", dir, failed)
	}
	return t, nil
}

// dialled is one address that was dialled from a pod.
type dialled struct {
	Address string `json:"address"`
	Err     string `json:"err,omitempty"`
	Micros  int64  `json:"micros"`
}

// dial dials addresses from the pod's network, as they are written.
func (run program) dial(ctx context.Context, addresses []string) ([]dialled, error) {
	out, err := run(ctx, append([]string{"dial"}, addresses...)...)
	if err != nil {
		return nil, err
	}
	return lines[dialled](out)
}

// socket is one TCP connection of the pod. Dialled says that the pod opened it.
type socket struct {
	Remote  string `json:"remote"` // host:port
	Dialled bool   `json:"dialled"`
}

// connections are those that the pod has opened, to others than itself: remote
// host:port, each once, sorted.
func (run program) connections(ctx context.Context) ([]string, error) {
	out, err := run(ctx, "sockets")
	if err != nil {
		return nil, err
	}
	all, err := lines[socket](out)
	var remotes []string
	for _, s := range all {
		if s.Dialled {
			remotes = append(remotes, s.Remote)
		}
	}
	slices.Sort(remotes)
	return slices.Compact(remotes), err
}

// resolved is one name and the addresses that a pod finds for it.
type resolved struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
}

// resolve asks for names as the pod does.
func (run program) resolve(ctx context.Context, names []string) (map[string][]string, error) {
	out, err := run(ctx, append([]string{"resolve"}, names...)...)
	if err != nil {
		return nil, err
	}
	all, err := lines[resolved](out)
	found := map[string][]string{}
	for _, r := range all {
		found[r.Name] = r.Addresses
	}
	return found, err
}

// lines decodes one JSON object in a line each. The last line of the agent says
// that it is whole.
func lines[T any](out []byte) ([]T, error) {
	var list []T
	for line := range bytes.Lines(out) {
		text := strings.TrimSpace(string(line))
		if text == "end" {
			return list, nil
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return list, fmt.Errorf("the agent's answer: %w", err)
		}
		list = append(list, v)
	}
	return list, errors.New("the agent's answer is not whole")
}
