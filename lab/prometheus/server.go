// Package prometheus runs the lab's Prometheus, which scrapes the virtual machine
// and the application's pods every second.
//
// It collects; what the numbers say about a migration it must not know.
package prometheus

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"
)

// Lookback bounds how old a sample may be to be the answer to an instant query.
// The server's own default of five minutes would go on answering for a side that
// has been silent for four.
const Lookback = 5 * time.Second

// Server is one Prometheus with a directory of its own.
type Server struct {
	Dir    string // configuration and time series; made by Install
	Listen string // host:port
	Every  time.Duration
	Jobs   []Job
}

// Job is one scrape job, whose targets are fixed or read from files.
type Job struct {
	Name   string   `json:"job_name"`
	Static []Group  `json:"static_configs,omitempty"`
	Files  []FileSD `json:"file_sd_configs,omitempty"`
}

// Group is targets that share labels.
type Group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// FileSD names files with groups, which are read again when they change.
type FileSD struct {
	Files []string `json:"files"`
}

// Install writes the configuration into Dir.
func (s Server) Install() error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("make Prometheus's directory: %w", err)
	}
	text, err := s.config()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("prometheus.yml"), text, 0o600); err != nil {
		return fmt.Errorf("write prometheus.yml: %w", err)
	}
	return nil
}

// Args is the command line that runs the server in the foreground.
func (s Server) Args() []string {
	return []string{
		"/usr/bin/prometheus",
		"--config.file=" + s.path("prometheus.yml"),
		"--storage.tsdb.path=" + s.path("data"),
		"--storage.tsdb.retention.time=30d",
		"--query.lookback-delta=" + Lookback.String(),
		"--web.listen-address=" + s.Listen,
		"--log.level=warn",
	}
}

func (s Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s Server) config() ([]byte, error) {
	every := fmt.Sprintf("%dms", s.Every.Milliseconds())
	text, err := yaml.Marshal(map[string]any{
		"global":         map[string]any{"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
		"scrape_configs": s.Jobs,
	})
	if err != nil {
		return nil, fmt.Errorf("write Prometheus's configuration: %w", err)
	}
	return text, nil
}
