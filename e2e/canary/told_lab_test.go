//go:build lab

package canary

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/lab/canary"
	"rehome.dev/rehome/lab/part"
)

// everywhere looks for the secrets in all that rehome has written, printed, started
// and sent, and demands that none is told. What it looks with finds each of them where
// it belongs.
func (s *suite) everywhere(out string) {
	s.t.Helper()
	s.belongs()
	s.directories(s.Dir, s.said, s.lab.StatePath("registry"), s.lab.Dirs.Run+"/log")
	s.directories(s.onMachine("/tmp", "/var/tmp", "/root", "/home", "/run", "/var/log")...)
	s.cluster()
	s.repository(out)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.told {
		s.t.Errorf("told: %s", t)
	}
	s.t.Logf("%d programs were executed; on the whole machine the secrets were seen in %v", s.programs, s.processes)
	if s.programs < 20 {
		s.t.Errorf("only %d programs were seen", s.programs)
	}
	for program := range s.processes {
		if program != programs+"/royal-bank-api" {
			s.t.Errorf("a secret is in an argument or a variable of %s", program)
		}
	}
	if !s.processes[programs+"/royal-bank-api"] {
		s.t.Error("the application's own variables were not seen")
	}
}

// belongs demands that the cluster holds every secret, each in a Secret: that the
// search can see is proven where there is something to be seen.
func (s *suite) belongs() {
	s.t.Helper()
	var list struct {
		Items []struct {
			Metadata json.RawMessage
			Data     map[string][]byte
		}
	}
	s.must(json.Unmarshal([]byte(s.kubectl("", "-n", staging, "get", "secret", "-o", "json")), &list))
	var found []string
	for _, o := range list.Items {
		s.tell(s.set.In("the metadata of a Secret", o.Metadata))
		for _, value := range o.Data {
			found = append(found, s.set.Find(value)...)
			found = append(found, s.set.Find([]byte(base64.StdEncoding.EncodeToString(value)))...)
		}
	}
	slices.Sort(found)
	for _, name := range s.set.Names() {
		if !slices.Contains(found, name) && name != "rotated password" {
			s.t.Errorf("the secret %s is in no Secret", name)
		}
	}
}

// directories looks through files, image layers and the journal with what it has
// beside it among them.
func (s *suite) directories(dirs ...string) {
	s.t.Helper()
	for _, dir := range dirs {
		began := time.Now()
		told, files, err := s.set.Files(dir)
		s.must(err)
		s.tell(told)
		s.t.Logf("%4.1f s for %d files in %s", time.Since(began).Seconds(), files, dir)
		if files == 0 && strings.HasPrefix(dir, s.Dir) {
			s.t.Errorf("no file is in %s", dir)
		}
	}
}

// onMachine are directories as the application on the machine sees them, those that
// are in memory among them.
func (s *suite) onMachine(dirs ...string) []string {
	s.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.must(err)
	for _, p := range processes {
		args, _ := os.ReadFile(p)
		if !strings.HasPrefix(string(args), programs+"/") || !strings.Contains(string(args), "-legacy") {
			continue
		}
		for i, dir := range dirs {
			dirs[i] = filepath.Join(filepath.Dir(p), "root", dir)
		}
		return dirs
	}
	s.t.Fatal("the application does not run on the machine")
	return nil
}

// cluster looks through all objects that are no Secrets, and through the logs of pods.
func (s *suite) cluster() {
	s.t.Helper()
	var kinds []string
	for kind := range strings.FieldsSeq(s.kubectl("", "api-resources", "--verbs=list", "-o", "name")) {
		if kind != "secrets" {
			kinds = append(kinds, kind)
		}
	}
	text := s.kubectl("", "get", strings.Join(kinds, ","), "--all-namespaces", "--show-managed-fields", "-o", "json")
	s.tell(s.set.In("an object of the cluster", []byte(text)))
	var list struct {
		Items []struct {
			Kind       string
			BinaryData map[string][]byte
		}
	}
	s.must(json.Unmarshal([]byte(text), &list))
	maps := 0
	for _, o := range list.Items {
		if o.Kind == "ConfigMap" {
			maps++
		}
		for key, value := range o.BinaryData {
			s.tell(s.set.In("key "+key+" of a ConfigMap", value))
		}
	}
	if maps < 3 {
		s.t.Errorf("only %d ConfigMaps were seen", maps)
	}
}

// repository commits a directory as a person would, and looks at every object of it.
func (s *suite) repository(out string) {
	s.t.Helper()
	run := func(args ...string) string {
		cmd := exec.CommandContext(s.t.Context(), "git", append([]string{"-C", out, "-c", "user.name=angua", "-c", "user.email=angua@golemtrust.am"}, args...)...)
		text, err := part.RunCmd(cmd)
		s.must(err)
		return text
	}
	run("init", "--quiet")
	run("add", "--all")
	run("commit", "--quiet", "--message", "the configuration as it was converted")
	objects := run("cat-file", "--batch", "--batch-all-objects")
	s.tell(s.set.In("the repository", []byte(objects)))
	if !strings.Contains(objects, "daily_limit") {
		s.t.Error("the repository does not hold the configuration")
	}
}

// watch looks at all processes of the machine, until the function that it gives is
// called.
func (s *suite) watch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.set.Watch(ctx, func(program string, told []canary.Told) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.processes[program] = true
		})
	}()
	return func() { cancel(); <-ended }
}
