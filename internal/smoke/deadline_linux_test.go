package smoke_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/smoke"
)

// A command that does not end is ended, and its children with it.
func TestCommandDeadline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	r := smoke.Runner{CommandTimeout: 300 * time.Millisecond}
	script := `sleep 600 & echo $! > ` + file + `; wait`
	began := time.Now()
	res, err := r.Smoke(t.Context(), migration.Smoke{Command: []string{"sh", "-c", script}}, migration.ViaProduction, "http://127.0.0.1:1", "")
	if err != nil || res.Failed != 1 || !strings.Contains(res.Detail[0], "not ended within 300ms") {
		t.Fatalf("%+v, %v", res, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("the child %d lives on", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// alive says whether the process runs; one that has ended and was not yet
// reaped by its new parent does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}
