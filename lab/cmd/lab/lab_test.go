package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"rehome.dev/rehome/lab/part"
)

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errNotUp, 1},
		{errors.New("disk full"), 1},
		{fmt.Errorf("open: %w", part.ErrUnsupported), 2},
	} {
		if got := exitCode(tc.err); got != tc.want {
			t.Errorf("%v: %d", tc.err, got)
		}
	}
}

func TestPartsHaveDistinctNames(t *testing.T) {
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	all := stages(lab)
	if len(all[0]) != 1 || all[0][0].Name() != "network" {
		t.Errorf("the network must come first, alone: the others live in it")
	}
	seen := map[string]bool{}
	for _, p := range slices.Concat(all...) {
		if seen[p.Name()] {
			t.Errorf("two parts are called %s", p.Name())
		}
		seen[p.Name()] = true
	}
	if names := packages(all); !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("packages: %v", names)
	}
}

func TestEnvironmentIsComplete(t *testing.T) {
	lab, err := part.New(part.NewProgress(t.Output(), false))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(environment(lab))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		if value == "" {
			t.Errorf("%s is empty", name)
		}
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for _, args := range [][]string{{"stop"}, {"exec"}, {"up", "now"}, {"stop", "--kill", "--freeze", "etcd"}, {"nonsense"}} {
		cmd := newCommand()
		var out bytes.Buffer
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		if cmd.ExecuteContext(t.Context()) == nil {
			t.Errorf("lab %v was accepted", args)
		}
	}
}
