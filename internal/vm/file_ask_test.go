package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/ssh/sshdtest"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("sudo", fakeSudo)
	write("id", fakeID)
	server := sshdtest.Start(t, sshdtest.WithConfig("SetEnv PATH="+bin+":/usr/bin:/bin"))
	r := reachOf(t, server.URL())
	ran := func() bool { _, err := os.Stat(filepath.Join(bin, "ran")); return err == nil }
	ask := func(sudo bool, script string) (string, error) {
		t.Helper()
		s := settingsFor(t, server)
		s.Sudo = sudo
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return New(s).Ask(ctx, r, script)
	}
	const odd = `printf '%s\n' "! 'x' \\ $((1 + 1))"` + "\n"
	if got, err := ask(false, odd); got != "! 'x' \\ 2\n" || err != nil || ran() {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := ask(true, odd); got != "! 'x' \\ 2\n" || err != nil || !ran() {
		t.Errorf("by sudo: %q, %v", got, err)
	}
	for script, want := range map[string]string{
		"echo half; echo password=canary-hunter2-canary no such thing >&2; exit 3": "no such thing",
		"exit 3":                       "exit code 3",
		"head -c 70000 /dev/zero":      "more than 65536 bytes",
		"kill -9 $$":                   "exit code 137",
		"if [":                         "exit code|yntax|unexpected",
		"exec /nowhere/rehome-no-such": "not found",
	} {
		got, err := ask(false, script)
		fits := false
		for _, w := range strings.Split(want, "|") {
			fits = fits || err != nil && strings.Contains(err.Error(), w)
		}
		if !fits || got != "" || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %q, %v", script, got, err)
		}
	}
	write("wants", "")
	if got, err := ask(true, odd); err == nil || !strings.Contains(err.Error(), "password is required") || got != "" {
		t.Errorf("sudo that wants a password: %q, %v", got, err)
	}
}

// A script that says nothing does not outlast its context.
func TestAskIsBounded(t *testing.T) {
	t.Parallel()
	server := sshdtest.Start(t)
	silent := filepath.Join(t.TempDir(), "silent")
	if out, err := command(t, "mkfifo", silent); err != nil {
		t.Fatal(out, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a person")
	ended := make(chan error, 1)
	go func() {
		_, err := New(settingsFor(t, server)).Ask(ctx, reachOf(t, server.URL()), "exec 3<'"+silent+"'; exec sleep 60\n")
		ended <- err
	}()
	w, err := os.OpenFile(silent, os.O_WRONLY, 0) // it opens when the script has begun
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cancel(stopped)
	select {
	case err := <-ended:
		if !errors.Is(err, stopped) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}
