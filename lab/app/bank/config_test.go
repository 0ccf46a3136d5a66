package bank

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const legacyConf = `# what the machine has
listen = 127.0.0.1:0
log_file = /var/log/royal-bank-api/royal-bank-api.log
session_dir = /var/lib/royal-bank-api/sessions
db_host = db.golemtrust.am
db_password = hunter2=with=equals
api_key = k-123
`

func configDir(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "api.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestALegacyServiceIsConfiguredByFiles(t *testing.T) {
	c, err := Load(true, configDir(t, legacyConf), []string{"LOG_FILE=", "VERSION=9", "DB_HOST=elsewhere", "FAIL_RATE=0.25", "REFUSE_DRAIN=true"})
	if err != nil {
		t.Fatal(err)
	}
	if c.LogFile == "" || c.SessionDir == "" || c.DatabaseHost != "db.golemtrust.am" || c.DBPassword != "hunter2=with=equals" {
		t.Errorf("files were not read, or the environment had a say: %+v", c)
	}
	if c.Version != "dev" || c.Faults.Rate != 0.25 || !c.RefuseDrain || c.Side() != "vm" {
		t.Errorf("version %q, faults %+v, refuse %t, side %s", c.Version, c.Faults, c.RefuseDrain, c.Side())
	}
}

func TestPutRightTheEnvironmentDecidesAndNothingGoesToDisk(t *testing.T) {
	c, err := Load(false, configDir(t, legacyConf), []string{"DB_HOST=db2.golemtrust.am", "API_KEY=from-secret", "FAIL_LATENCY=20ms", "FAIL_ABOVE=15", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if c.LogFile != "" || c.SessionDir != "" {
		t.Errorf("log file %q and sessions %q on disk", c.LogFile, c.SessionDir)
	}
	if c.DatabaseHost != "db2.golemtrust.am" || c.APIKey != "from-secret" || c.Faults.Latency != 20*time.Millisecond || c.Faults.Above != 15 {
		t.Errorf("the environment was not read: %+v", c)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		environ    []string
		want       string
	}{
		{"a line that is none", "listen\n", nil, "line 1"},
		{"an unknown key", "# ok\nlistn = :80\n", nil, "line 2: unknown key"},
		{"a share above one", "api_key = k\nfail_rate = 1.5\n", nil, "share from 0 to 1"},
		{"a share that is no number", "api_key = k\nfail_rate = NaN\n", nil, "share from 0 to 1"},
		{"a bad duration", "api_key = k\n", []string{"FAIL_LATENCY=soon"}, "fail_latency"},
		{"no key to sign with", "listen = :1\n", nil, "api_key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(false, configDir(t, test.text), test.environ)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
	if _, err := Load(true, filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a legacy service starts without its directory")
	}
	if _, err := Load(false, filepath.Join(t.TempDir(), "none"), []string{"API_KEY=k"}); err != nil {
		t.Errorf("put right, the environment suffices: %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := Config{DBPassword: "hunter2", APIKey: "k-123"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "password", c.DBPassword)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.DBPassword, c.APIKey, c.APIKey), log.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "k-123") || strings.Contains(text, "6b2d313233") {
			t.Errorf("a secret is in %s", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(legacyConf)
	f.Add("db_password = hunter2\nhunter2")
	f.Add("hunter2=")
	f.Fuzz(func(t *testing.T, text string) {
		s := settings{}
		err := s.parse(text)
		for key, value := range s {
			if !known[key] || value != strings.TrimSpace(value) {
				t.Errorf("%q = %q was taken", key, value)
			}
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds a value: %v", err)
		}
	})
}
