// Package bank is royal-bank-api, the application that the lab moves: a small HTTP
// service in the two states of its life. As *legacy* it is what grew on a virtual
// machine: configuration and secrets in files, a log file, sessions on disk, no
// health endpoint, an exit that cuts requests off. *Put right* it is what a
// container needs. Its failures can be switched on, at start or while it runs.
//
// It must not know the lab: where it is installed and who asks it is others' work.
package bank

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is everything the service is told at start.
type Config struct {
	Legacy   bool
	Listen   string // host:port
	Version  string
	Instance string // host name of machine or pod

	LogFile    string // empty means standard output; put right, one that was named by log_to
	SessionDir string // legacy only: empty means signed cookies

	DatabaseHost string
	DatabasePort int // 0: it is never dialled
	DBPassword   Secret
	APIKey       Secret // also signs session cookies

	Faults      Faults
	RefuseDrain bool
	// BlindReady lets /readyz answer well whatever happens to the database, and
	// LocalSessions keeps sessions in the memory of one process.
	BlindReady, LocalSessions bool
	DrainTimeout              time.Duration // how long requests in flight may take after SIGTERM
}

// Secret is a value that no verb of fmt and no logger prints.
type Secret string

// Format writes the same for every secret.
func (Secret) Format(f fmt.State, _ rune) { f.Write([]byte("[secret]")) }

// LogValue is what log/slog shows.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Side is who answers: "vm" or "kubernetes".
func (c Config) Side() string {
	if c.Legacy {
		return "vm"
	}
	return "kubernetes"
}

// Load reads the `key = value` lines of all *.conf files in dir, and then the
// environment, whose names are the keys in capitals. A legacy service takes from
// the environment only its failure switches, for it never learned to read more. A
// directory that does not exist is an error for a legacy service only.
func Load(legacy bool, dir string, environ []string) (Config, error) {
	settings, err := readDir(dir)
	if err != nil && (legacy || !errors.Is(err, fs.ErrNotExist)) {
		return Config{}, err
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if key := strings.ToLower(name); known[key] && (!legacy || faultKeys[key]) {
			settings[key] = value
		}
	}
	return settings.config(legacy)
}

type settings map[string]string

var faultKeys = map[string]bool{"fail_rate": true, "fail_above": true, "fail_latency": true, "refuse_drain": true}

var known = map[string]bool{
	"listen": true, "version": true, "instance": true, "log_file": true, "session_dir": true, "drain_timeout": true,
	"db_host": true, "db_port": true, "db_name": true, "db_user": true, "db_password": true, "api_key": true, "daily_limit": true,
	"fail_rate": true, "fail_above": true, "fail_latency": true, "refuse_drain": true, "blind_ready": true, "local_sessions": true, "log_to": true,
}

func readDir(dir string) (settings, error) {
	s := settings{}
	if _, err := os.Stat(dir); err != nil {
		return s, fmt.Errorf("read the configuration: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return s, fmt.Errorf("list the configuration: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return s, fmt.Errorf("read the configuration: %w", err)
		}
		if err := s.parse(string(text)); err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
	}
	return s, nil
}

// parse reads `key = value` lines; '#' begins a comment line. Errors name the
// line only: what looks like a key may be the second line of a secret.
func (s settings) parse(text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !found {
			return fmt.Errorf("line %d is not `key = value`", number)
		}
		if !known[key] {
			return fmt.Errorf("line %d: unknown key", number)
		}
		s[key] = strings.TrimSpace(value)
	}
	return nil
}

func (s settings) config(legacy bool) (Config, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return Config{}, fmt.Errorf("find the host's name: %w", err)
	}
	c := Config{
		Legacy: legacy, Listen: s.or("listen", ":8080"), Version: s.or("version", "dev"), Instance: s.or("instance", hostname),
		DatabaseHost: s["db_host"], DBPassword: Secret(s["db_password"]), APIKey: Secret(s["api_key"]),
	}
	if legacy {
		c.LogFile, c.SessionDir = s["log_file"], s["session_dir"]
	} else {
		c.LogFile = s["log_to"]
	}
	var errs []error
	c.Faults.Rate = parsed(s, "fail_rate", parseFloat, &errs)
	c.Faults.Above = parsed(s, "fail_above", strconv.Atoi, &errs)
	c.Faults.Latency = parsed(s, "fail_latency", time.ParseDuration, &errs)
	c.DatabasePort = parsed(s, "db_port", strconv.Atoi, &errs)
	c.BlindReady = parsed(s, "blind_ready", strconv.ParseBool, &errs)
	c.LocalSessions = parsed(s, "local_sessions", strconv.ParseBool, &errs)
	c.RefuseDrain = parsed(s, "refuse_drain", strconv.ParseBool, &errs)
	c.DrainTimeout = parsed(s, "drain_timeout", time.ParseDuration, &errs)
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 25 * time.Second // below the 30 s that a pod is given
	}
	if c.APIKey == "" && c.SessionDir == "" {
		errs = append(errs, errors.New("api_key is not set, and without it session cookies cannot be signed"))
	}
	errs = append(errs, c.Faults.check())
	return c, errors.Join(errs...)
}

func (s settings) or(key, otherwise string) string {
	if value := s[key]; value != "" {
		return value
	}
	return otherwise
}

func parseFloat(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

func parsed[T any](s settings, key string, parse func(string) (T, error), errs *[]error) T {
	var zero T
	if s[key] == "" {
		return zero
	}
	value, err := parse(s[key])
	if err != nil {
		*errs = append(*errs, fmt.Errorf("%s: %w", key, err))
	}
	return value
}
