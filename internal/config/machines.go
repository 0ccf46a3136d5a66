package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rehome.dev/rehome/api/v1alpha1"
	"rehome.dev/rehome/internal/migration"
)

// reach checks how facts are taken on a machine. A password in it would end up
// in the journal, and is not accepted.
func (s *source) reach(field, reach string) {
	if reach == "" || reach == "local" || !s.said(field) {
		return
	}
	const remedy = "write ssh://user@host:port, or local"
	u, err := url.Parse(reach)
	if hasCredentials(reach) {
		s.noCredentials(field, reach)
		return
	}
	switch {
	case err != nil || u.Scheme != "ssh" || u.Hostname() == "":
		s.problem(field, "is "+quoted(reach)+", no way to a machine", remedy)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		s.problem(field, "has something behind the host", remedy)
	case u.Port() != "":
		if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
			s.problem(field, "has a port that is none", remedy)
		}
	case strings.HasSuffix(u.Host, ":") || net.ParseIP(u.Hostname()) == nil && strings.ContainsAny(u.Hostname(), " _%"):
		s.problem(field, "is "+quoted(reach)+", which has no host", remedy)
	}
}

// fixes checks that each declared fix names a drill that can prove it.
func (s *source) fixes(ws []v1alpha1.Fix) []migration.Fix {
	var out []migration.Fix
	codes := make([]string, 0, len(ws))
	for i, w := range ws {
		field := fmt.Sprintf("spec.fixes[%d]", i)
		fix := migration.Fix{Code: migration.Code(w.Code), Drill: migration.StagingDrill(w.Drill), How: w.How}
		provable := fix.Code.Provable()
		switch {
		case !s.said(field + ".code"):
		case !slices.Contains(migration.Codes(), fix.Code):
			s.problem(field+".code", "there is no guard "+quoted(w.Code), suggestion(w.Code, provableCodes()))
		case len(provable) == 0:
			s.problem(field+".code", "no drill can prove a fix of "+w.Code, "mend it on the machine, or let it pass by name: rehome waive NAME "+w.Code)
		case s.said(field+".drill") && !slices.Contains(provable, fix.Drill):
			s.problem(field+".drill", "the drill "+w.Drill+" does not prove a fix of "+w.Code, "write "+joinedDrills(provable))
		}
		codes = append(codes, w.Code)
		out = append(out, fix)
	}
	s.unique("spec.fixes", codes, "code")
	return out
}

// provableCodes are the items of which a drill can prove a fix.
func provableCodes() []string {
	var out []string
	for _, c := range migration.Codes() {
		if len(c.Provable()) > 0 {
			out = append(out, string(c))
		}
	}
	return out
}

func joinedDrills(drills []migration.StagingDrill) string {
	words := make([]string, len(drills))
	for i, d := range drills {
		words[i] = string(d)
	}
	return strings.Join(words, " or ")
}

func (s *source) schedules(ws []v1alpha1.Schedule) []migration.Schedule {
	var out []migration.Schedule
	names := make([]string, 0, len(ws))
	for i, w := range ws {
		names = append(names, w.Name)
		s.schedule(fmt.Sprintf("spec.schedules[%d]", i), w)
		out = append(out, migration.Schedule{
			Name: w.Name, Owner: migration.ScheduleOwner(w.Owner), When: w.When, TimeZone: w.TimeZone, Command: w.Command, Workload: w.Workload,
		})
	}
	s.unique("spec.schedules", names, "name")
	return out
}

// dockerfile checks where a workload's Dockerfile is. It stays as it was written:
// a declared migration is the same in every checkout.
func (s *source) dockerfile(field, path string) string {
	if path != "" && s.said(field) {
		s.pathForm(field, path)
	}
	return path
}

// ssh is how machines are reached; dir is where relative paths begin.
func (s *source) ssh(w v1alpha1.PolicySSH, dir string) migration.SSH {
	const field = "spec.ssh"
	if s.said(field+".user") && strings.ContainsAny(w.User, " @:/") {
		s.problem(field+".user", "is "+quoted(w.User)+", no user", "write the name alone")
	}
	out := migration.SSH{User: w.User, Sudo: or(w.Sudo, false)}
	for _, f := range []struct {
		name, given string
		to          *string
	}{{"identityFile", w.IdentityFile, &out.IdentityFile}, {"knownHostsFile", w.KnownHostsFile, &out.KnownHostsFile}} {
		at := field + "." + f.name
		if f.given == "" || !s.said(at) {
			continue
		}
		if strings.Contains(f.given, "PRIVATE KEY") {
			s.problem(at, "holds a key, not a path", "take it out and change the key if the file was shared; name the file that holds it")
			continue
		}
		s.pathForm(at, f.given)
		*f.to = placed(FormPath, f.given, dir)
	}
	return out
}
