//go:build lab

package canary

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

// The application of this suite on the lab's machine, beside the bank's own.
const (
	app       = "canary-bank"
	configDir = "/etc/" + app
	programs  = "/opt/" + app
	stateDir  = "/var/lib/" + app
	port      = "8090"
)

const unit = `[Unit]
Description=A bank with secrets everywhere

[Service]
User=royal-bank
EnvironmentFile=` + configDir + `/bank.env
ExecStart=` + programs + `/royal-bank-api -legacy -config ` + configDir + `
`

// plant are files with secrets of every kind, and the secrets by their names.
type plant struct {
	files   map[string][]byte
	secrets map[string][]byte
}

// text is a new secret of letters.
func (p *plant) text(name string) string {
	value := strings.ToLower(rand.Text())
	p.secrets[name] = []byte(value)
	return value
}

func grow() (*plant, error) {
	p := &plant{secrets: map[string][]byte{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if p.secrets["PEM key"], err = key.Bytes(); err != nil {
		return nil, err
	}
	store := make([]byte, 256)
	if _, err := rand.Read(store); err != nil {
		return nil, err
	}
	p.secrets["keystore"] = bytes.Clone(store)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprintf(z, "[backup]\npassword = %s\n", p.text("packed"))
	if err := z.Close(); err != nil {
		return nil, err
	}
	p.secrets["packed, as it is packed"] = packed.Bytes()[12:]
	p.files = map[string][]byte{
		"api.conf":       fmt.Appendf(nil, "listen = :%s\nversion = 0.9.4\nlog_file = %s/log\nsession_dir = %s/sessions\n", port, stateDir, stateDir),
		"limits.conf":    []byte("daily_limit = 250000\n"),
		"db.conf":        fmt.Appendf(nil, "db_name = royal_bank\ndb_password = %s\napi_key = %s\n", p.text("password of db.conf"), p.text("API key")),
		"bank.ini":       fmt.Appendf(nil, "[database]\nname = bank\npassword = %s\n", p.text("ini password")),
		"bank.env":       fmt.Appendf(nil, "BANK_REGION=ankh\nBANK_ADMIN_PASSWORD=%s\n", p.text("variable")),
		"tls/server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"ledger.yaml":    fmt.Appendf(nil, "ledger:\n  url: postgres://ledger:%s@ledger.canary.test:5432/ledger\n", p.text("DSN")),
		"site.php":       fmt.Appendf(nil, "<?php\ndefine('DB_NAME', 'bank');\ndefine('DB_PASSWORD', '%s');\n", p.text("PHP define")),
		"wrapped.yaml":   []byte("settings: " + base64.StdEncoding.EncodeToString([]byte("password = "+p.text("in base64")+"\n")) + "\n"),
		"dump.ini.gz":    packed.Bytes(),
		"keystore.jks":   append([]byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2}, store...),
	}
	return p, nil
}

// write puts the files below a directory, as owned by a group on the machine.
func (p *plant) write(dir string, gid int) error {
	var errs []error
	for name, text := range p.files {
		file := filepath.Join(dir, name)
		errs = append(errs, part.WriteFile(file, text, 0o640), os.Chown(file, 0, gid))
	}
	return errors.Join(errs...)
}

// install starts the application on the lab's machine until the test ends.
func (s *suite) install() {
	s.t.Helper()
	root := vm.Root(s.lab)
	info, err := os.ReadFile(filepath.Join(root, "etc/group"))
	s.must(err)
	gid := 0
	for line := range strings.Lines(string(info)) {
		if rest, ok := strings.CutPrefix(line, "royal-bank:x:"); ok {
			_, err = fmt.Sscanf(rest, "%d", &gid)
			s.must(err)
		}
	}
	program, err := os.ReadFile(vm.Program(s.lab))
	s.must(err)
	s.t.Cleanup(s.uninstall)
	s.must(s.plant.write(filepath.Join(root, configDir), gid))
	s.must(part.WriteFile(filepath.Join(root, programs, "royal-bank-api"), program, 0o755))
	s.must(part.WriteFile(filepath.Join(root, "etc/systemd/system", app+".service"), []byte(unit), 0o644))
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	_, err = vm.Run(ctx, s.lab, "install -d -o royal-bank -g royal-bank "+stateDir+" "+stateDir+"/sessions && systemctl daemon-reload && systemctl start "+app)
	s.must(err)
}

func (s *suite) uninstall() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := vm.Run(ctx, s.lab, "systemctl stop "+app+"; rm -rf "+strings.Join([]string{configDir, programs, stateDir, "/etc/systemd/system/" + app + ".service"}, " ")+"; systemctl daemon-reload")
	if err != nil {
		s.t.Error(err)
	}
}

func TestEveryKindIsGrown(t *testing.T) {
	p, err := grow()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.files) != 11 || len(p.secrets) != 11 {
		t.Errorf("%d files with %d secrets", len(p.files), len(p.secrets))
	}
}
