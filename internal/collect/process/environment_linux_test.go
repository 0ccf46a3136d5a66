package process

import (
	"bufio"
	"os/exec"
	"slices"
	"testing"

	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const title = `$0 = "bank: master process"`

// titled starts Perl, which does one thing before it is ready and the other when go
// on is called.
func titled(t *testing.T, variables []string, before, after string) (pid int, goOn func()) {
	t.Helper()
	cmd := exec.Command("perl", "-e", `$| = 1; `+before+`; print "ready\n"; <STDIN>; `+after+`; print "ready\n"; <STDIN>`)
	cmd.Env = variables
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewReader(out)
	ready := func() {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	ready()
	return cmd.Process.Pid, func() {
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		ready()
	}
}

// Nothing can be read of variables over which a title was written: that there are
// none would be a guess.
func TestVariablesUnderATitle(t *testing.T) {
	for name, test := range map[string]struct {
		variables []string
		program   string
		unit      *inventory.Unit
		gap, seen bool
	}{
		"as it was started":            {[]string{"BANK=morpork"}, "1", nil, false, true},
		"under a title":                {[]string{"BANK=morpork"}, title, nil, true, false},
		"under a title, with a unit":   {[]string{"BANK=morpork"}, title, &inventory.Unit{Name: "bank.service"}, false, false},
		"started without any variable": {[]string{}, "1", nil, false, false},
	} {
		pid, _ := titled(t, test.variables, test.program, "1")
		s := &scope.Scope{Proc: "/proc", Root: "/", PIDs: []int{pid}, Main: pid, Unit: test.unit, Gaps: &scope.Gaps{}}
		e := NewEnvironment()
		var f inventory.Facts
		for range 2 {
			e.Sample(t.Context(), s)
		}
		e.Finish(t.Context(), s, &f)
		seen := slices.ContainsFunc(f.Environment, func(v inventory.Variable) bool { return v.Name == "BANK" })
		if gaps := s.Gaps.List(); len(gaps) > 0 != test.gap || seen != test.seen {
			t.Errorf("%s: gaps %v, variables %+v", name, gaps, f.Environment)
		}
	}
}

// What was read before the title was written is known.
func TestVariablesThatWereReadBeforeTheTitle(t *testing.T) {
	pid, goOn := titled(t, []string{"BANK=morpork"}, "1", title)
	s := &scope.Scope{Proc: "/proc", PIDs: []int{pid}, Main: pid, Gaps: &scope.Gaps{}}
	e := NewEnvironment()
	e.Sample(t.Context(), s)
	goOn()
	e.Sample(t.Context(), s)
	var f inventory.Facts
	e.Finish(t.Context(), s, &f)
	if gaps := s.Gaps.List(); len(gaps) > 0 || len(f.Environment) == 0 || f.Environment[0].Name != "BANK" {
		t.Errorf("gaps %v, variables %+v", gaps, f.Environment)
	}
}
