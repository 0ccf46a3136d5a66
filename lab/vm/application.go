package vm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/lab/part"
)

// The places of the legacy application on the machine.
const (
	ConfigDir  = "/etc/royal-bank-api"
	logDir     = "/var/log/royal-bank-api"
	sessionDir = "/var/lib/royal-bank-api/sessions"
	program    = "/opt/royal-bank-api/royal-bank-api"
)

const unit = `[Unit]
Description=Royal Bank API
After=network.target

[Service]
User=royal-bank
ExecStart=` + program + ` -legacy
Restart=on-failure

[Install]
WantedBy=multi-user.target
`

const apiConf = `# royal-bank-api: where things are on this machine
listen = :8080
version = 0.9.4
log_file = ` + logDir + `/royal-bank-api.log
session_dir = ` + sessionDir + `
`

const limitsConf = `# in pence
daily_limit = 250000
`

func dbConf() string {
	return fmt.Sprintf(`# the bank's database, shared with whatever runs next to this machine
db_host = db.golemtrust.am
db_port = 5432
db_name = royal_bank
db_user = royal_bank_api
db_password = %s
api_key = %s
`, strings.ToLower(rand.Text()), strings.ToLower(rand.Text()))
}

// installApplication puts the legacy application on the machine's disk, with
// secrets that no other machine ever had.
func (v *VM) installApplication() error {
	root := Root(v.lab)
	binary, err := os.ReadFile(Program(v.lab))
	if err != nil {
		return fmt.Errorf("install the application: %w", err)
	}
	owner, err := userOf(root, "royal-bank")
	if err != nil {
		return err
	}
	wants := filepath.Join(root, "etc/systemd/system/multi-user.target.wants")
	return errors.Join(
		part.WriteFile(filepath.Join(root, program), binary, 0o755),
		part.WriteFile(filepath.Join(root, "etc/systemd/system/royal-bank-api.service"), []byte(unit), 0o644),
		os.Symlink("/etc/systemd/system/royal-bank-api.service", filepath.Join(wants, "royal-bank-api.service")),
		part.WriteFile(filepath.Join(root, ConfigDir, "api.conf"), []byte(apiConf), 0o644),
		part.WriteFile(filepath.Join(root, ConfigDir, "limits.conf"), []byte(limitsConf), 0o644),
		part.WriteFile(filepath.Join(root, ConfigDir, "db.conf"), []byte(dbConf()), 0o640),
		os.Chown(filepath.Join(root, ConfigDir, "db.conf"), 0, owner.gid),
		ownedDir(filepath.Join(root, logDir), owner),
		ownedDir(filepath.Join(root, sessionDir), owner),
	)
}

type user struct{ uid, gid int }

// userOf looks a user up in the machine's own /etc/passwd, passwd(5).
func userOf(root, name string) (user, error) {
	text, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return user{}, fmt.Errorf("look up the machine's user %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		var u user
		if len(fields) > 3 && fields[0] == name {
			_, err := fmt.Sscan(fields[2]+" "+fields[3], &u.uid, &u.gid)
			return u, err
		}
	}
	return user{}, fmt.Errorf("the machine has no user %s", name)
}

// ownedDir makes a directory that only its owner writes to, and its parents, which
// are root's.
func ownedDir(dir string, owner user) error {
	return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o750), os.Chown(dir, owner.uid, owner.gid))
}
