package sshdtest_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"rehome.dev/rehome/lab/ssh/sshdtest"
)

// ssh runs a command on the server as a person would.
func ssh(t *testing.T, s *sshdtest.Server, key, command string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-p", strconv.Itoa(int(s.Address.Port())), "-i", key,
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile="+s.KnownHosts, s.User+"@"+s.Address.Addr().String(), command).CombinedOutput()
	return string(out), err
}

func TestOnlyTheKeyIsLetIn(t *testing.T) {
	s := sshdtest.Start(t)
	if out, err := ssh(t, s, s.Key, "echo in"); err != nil || strings.TrimSpace(out) != "in" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := ssh(t, s, s.NewKey("stranger", ""), "echo in"); err == nil {
		t.Errorf("a stranger is let in: %s", out)
	}
}

func TestNothingRunsFromANoexecDirectory(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.WithNoexec("/tmp"))
	out, err := ssh(t, s, s.Key, "f=$(mktemp /tmp/sshdtest-XXXXXX) && echo exit 0 >$f && chmod 700 $f; $f 2>/dev/null; echo $?; rm $f")
	if err != nil || !strings.HasSuffix(strings.TrimSpace(out), "126") {
		t.Errorf("%v: %s", err, out)
	}
}
