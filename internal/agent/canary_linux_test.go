package agent

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"rehome.dev/rehome/internal/inventory"
)

const canary = "c4nary-0f-the-agent"

// Whatever all collectors together say of an application with secrets in its
// arguments, variables and configuration: not one byte of them.
func TestNoSecretLeavesTheMachine(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "bank.conf")
	if err := os.WriteFile(conf, []byte("db.password="+canary+"\nurl=postgres://bank:"+canary+"@db/bank\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	app := exec.Command("/bin/sh", "-c", "exec 3<"+conf+"; read x", "--password", canary, "--url=amqp://a:"+canary+"@mq/")
	app.Env = append(os.Environ(), "DB_PASSWORD="+canary, "PLAIN="+canary)
	in, err := app.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { io.WriteString(in, "\n"); app.Wait() })

	var said []inventory.Event
	req := inventory.Request{Target: inventory.Target{PID: app.Process.Pid}, Every: 20 * time.Millisecond, For: 60 * time.Millisecond,
		Dirs: []string{dir}, Key: bytes.Repeat([]byte{7}, 32), KeyID: "k"}
	f, err := Probe(t.Context(), req, func(e inventory.Event) { said = append(said, e) })
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{f, said})
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(text, []byte("c4nary")); i >= 0 {
		t.Errorf("the canary is in …%s…", text[max(0, i-200):min(len(text), i+100)])
	}
	if len(f.Secrets) < 3 || len(said) == 0 {
		t.Errorf("secrets %v, events %v", f.Secrets, said)
	}
}
