// Command agent stands in for rehome-agent: it speaks its protocol, and the
// unit's name says how it behaves.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome.dev/rehome/internal/agent"
	"rehome.dev/rehome/internal/inventory"
	trees "rehome.dev/rehome/internal/tree"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if len(os.Args) == 2 && os.Args[1] == "tree" {
		os.Exit(tree(line, in))
	}
	var req inventory.Request
	if err == nil {
		err = json.Unmarshal(line, &req)
	}
	if err != nil || len(os.Args) != 2 || os.Args[1] != "probe" {
		fmt.Fprintln(os.Stderr, "the request:", err, os.Args)
		os.Exit(2)
	}
	self, _ := os.Executable()
	say(inventory.Event{Say: self})
	switch how, _, _ := strings.Cut(req.Target.Unit, "@"); how {
	case "hang": // until its input ends
		say(inventory.Event{Samples: 1, Planned: 600})
		_, _ = io.Copy(io.Discard, in)
		return
	case "deaf": // it does not look at its input
		say(inventory.Event{Samples: 1, Planned: 600})
		time.Sleep(time.Hour)
	case "none":
		say(inventory.Event{Err: "there is no unit " + req.Target.Unit, Hint: "systemctl list-units"})
		os.Exit(1)
	case "crash":
		fmt.Fprintln(os.Stderr, "panic: password=canary-hunter2-canary in", self)
		os.Exit(7)
	case "noise":
		fmt.Println("Last login: never")
	case "flood":
		for range 1 << 15 {
			fmt.Println(strings.Repeat("noise ", 20))
		}
	}
	f := inventory.Facts{Target: inventory.Target{Host: "itself"}, Began: time.Now(), Ended: time.Now(), Looked: []inventory.Subject{inventory.SubjectListeners},
		Coverage: inventory.Coverage{Samples: 1, Planned: max(1, int(req.For/max(req.Every, 1))), Every: req.Every}}
	f.Taken.User = fmt.Sprint(os.Geteuid())
	f.Trees = []inventory.Tree{{Path: "/etc", KeyID: req.KeyID, Missing: len(req.Key) != 32}}
	f.Host.Name = strings.Join(req.HealthPaths, " ")
	for i := range 20000 * strings.Count(req.Target.Unit, "large") {
		f.Files = append(f.Files, inventory.File{Path: fmt.Sprintf("/var/lib/application/file-%d", i), Class: inventory.FileData, By: []string{"fd"}})
	}
	say(inventory.Event{Facts: &f})
}

// tree does what the agent does, or what the root's name says.
func tree(line []byte, in io.Reader) int {
	var req agent.TreeRequest
	if err := json.Unmarshal(line, &req); err != nil {
		return 2
	}
	half := trees.Magic + "H\x00\x00\x00\x0b{\"count\":1}" + "E\x00\x00\xff\xff" + "canary-hunter2-canary"
	switch filepath.Base(string(req.Root)) {
	case "hang": // until its input ends
		fmt.Print(half)
		_, _ = io.Copy(io.Discard, in)
		return 1
	case "crash":
		fmt.Print(half)
		fmt.Fprintln(os.Stderr, "panic: password=canary-hunter2-canary")
		return 7
	case "nothing":
		return 3
	case "garbage":
		fmt.Print(half + strings.Repeat("canary-hunter2-canary", 1<<12))
		return 0
	}
	fmt.Println("Last login: never")
	fmt.Print("without an end ")
	return agent.Run(context.Background(), []string{"tree"}, io.MultiReader(bytes.NewReader(line), in), os.Stdout, os.Stderr)
}

func say(e inventory.Event) {
	b, _ := json.Marshal(e)
	fmt.Println(string(b))
}
