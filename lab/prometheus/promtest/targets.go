package promtest

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome.dev/rehome/lab/prometheus"
)

// jobs is one job per name, each with a file of targets that can change.
func jobs(dir string, targets []Target) []prometheus.Job {
	var all []prometheus.Job
	seen := map[string]bool{}
	for _, target := range targets {
		if !seen[target.Job] {
			seen[target.Job] = true
			all = append(all, prometheus.Job{Name: target.Job, Files: []prometheus.FileSD{{Files: []string{targetFile(dir, target.Job)}}}})
		}
	}
	return all
}

func (s *Server) writeTargets(targets []Target) {
	s.t.Helper()
	groups := map[string][]prometheus.Group{}
	for _, job := range s.config.Jobs {
		groups[job.Name] = []prometheus.Group{}
	}
	for _, target := range targets {
		if groups[target.Job] == nil {
			s.t.Fatalf("job %q is not among those that Start was given", target.Job)
		}
		group := prometheus.Group{Targets: []string{hostPort(s.t, target.URL)}, Labels: target.Labels}
		groups[target.Job] = append(groups[target.Job], group)
	}
	for job, list := range groups {
		text, err := json.Marshal(list)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := replaceFile(targetFile(s.config.Dir, job), text); err != nil {
			s.t.Fatal(err)
		}
	}
}

func targetFile(dir, job string) string { return filepath.Join(dir, "targets-"+job+".json") }

func replaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func hostPort(t testing.TB, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !strings.HasPrefix(u.Hostname(), "127.") {
		t.Fatalf("%q is not the URL of a loopback server", raw)
	}
	return u.Host
}
