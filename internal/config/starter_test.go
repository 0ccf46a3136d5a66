package config

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

// filled is what a person puts in the place of each placeholder.
var filled = map[string]string{
	"<DNS name of the application>":                    "ledger.golemtrust.am",
	"<DNS zone that holds the name>":                   "golemtrust.am",
	"<DNS provider of the policy>":                     "golemtrust-dns",
	"<DNS name of the rehearsal>":                      "rehearsal.ledger.golemtrust.am",
	"<address that the name leads to today>":           "192.0.2.20",
	"<port of the application>":                        "8080",
	"<host of the machine>":                            "vm-1.golemtrust.am",
	"<systemd unit>":                                   "ledger.service",
	"<image as registry/name@sha256:digest>":           "registry.golemtrust.am/ledger@sha256:" + strings.Repeat("a", 64),
	"<cores such as 250m>":                             "250m",
	"<bytes such as 256Mi>":                            "256Mi",
	"<bytes such as 512Mi>":                            "512Mi",
	"<cluster of the policy>":                          "ankh-morpork",
	"<namespace>":                                      "bank",
	"<metrics source of the policy>":                   "prometheus",
	"<counter of all requests on the machines>":        `http_requests_total{job="vm"}`,
	"<counter of failed requests on the machines>":     `http_requests_total{job="vm",code=~"5.."}`,
	"<counter of all requests in the pods>":            `http_requests_total{job="pods"}`,
	"<counter of failed requests in the pods>":         `http_requests_total{job="pods",code=~"5.."}`,
	"<true or false>":                                  "true",
	"<prefix of approved base images>":                 "registry.golemtrust.am/base/*",
	"<name of the DNS provider>":                       "golemtrust-dns",
	"<primary that takes updates>":                     "192.0.2.53:53",
	"<name of the TSIG key>":                           "rehome.",
	"<file with the key in base64>":                    "tsig.key",
	"<name of the cluster>":                            "ankh-morpork",
	"<file with the kubeconfig>":                       "kubeconfig",
	"<name of the metrics source>":                     "prometheus",
	"<address such as https://prometheus.example.org>": "https://prometheus.golemtrust.am",
}

func fillIn(text []byte) string {
	out := string(text)
	for p, v := range filled {
		out = strings.ReplaceAll(out, p, v)
	}
	return out
}

var optional = regexp.MustCompile(`(?m)^( *)#([a-zA-Z-])`)

// TestStarters: what stands between a starter and a file that loads are its
// placeholders and nothing else, and every line that it offers is right.
func TestStarters(t *testing.T) {
	dir := t.TempDir()
	for _, uncomment := range []bool{false, true} {
		migrationText, policyText := fillIn(Starter("ledger", StarterOptions{})), fillIn(PolicyStarter("golemtrust"))
		if uncomment {
			migrationText = optional.ReplaceAllString(migrationText, "$1$2")
			// the starter says so: storage of each pod is a StatefulSet's
			migrationText = strings.Replace(migrationText, "kind: Deployment", "kind: StatefulSet", 1)
			policyText = optional.ReplaceAllString(policyText, "$1$2")
		}
		write(t, filepath.Join(dir, "ledger.yaml"), migrationText)
		write(t, filepath.Join(dir, "policy.yaml"), policyText)
		got, err := Load(filepath.Join(dir, "ledger.yaml"), "")
		if err != nil {
			t.Fatalf("uncommented %v:\n%v", uncomment, err)
		}
		if got.Spec.Name != "ledger" || got.Spec.Names[0].Workload != "ledger" || got.Spec.Rehearsal == nil {
			t.Errorf("uncommented %v: %+v", uncomment, got.Spec)
		}
		numbers := got.Policy
		numbers.Name, numbers.ApprovedBases, numbers.DNSProviders, numbers.Clusters, numbers.MetricsSources = "default", nil, nil, nil, nil
		numbers.StandingWaivers, numbers.OnBad, numbers.SSH = nil, migration.OnBadRollback, migration.SSH{}
		same(t, numbers, migration.DefaultPolicy())
	}
}

func TestStartersReportTheirPlaceholders(t *testing.T) {
	_, ofMigration := ParseMigration("ledger.yaml", Starter("ledger", StarterOptions{}))
	_, ofPolicy := ParsePolicy("policy.yaml", PolicyStarter("golemtrust"))
	for _, c := range []struct {
		err    error
		text   []byte
		golden string
	}{
		{ofMigration, Starter("ledger", StarterOptions{}), "testdata/starter-migration.golden"},
		{ofPolicy, PolicyStarter("golemtrust"), "testdata/starter-policy.golden"},
	} {
		if c.err == nil {
			t.Fatal("a starter loads as it is")
		}
		golden(t, c.golden, c.err.Error()+"\n")
		es, _ := errors.AsType[Errors](c.err)
		for _, e := range es {
			if !strings.HasPrefix(e.Problem, "still holds the placeholder") {
				t.Errorf("not a placeholder: %s", e)
			}
		}
		if want := len(regexp.MustCompile(`: <|- <`).FindAll(c.text, -1)); len(es) != want {
			t.Errorf("%d placeholders reported of %d", len(es), want)
		}
	}
}

func TestStarterTakesWhatIsKnown(t *testing.T) {
	text := Starter("yes", StarterOptions{Host: "vm: 1", Unit: "@ledger.service", Port: 8081, ConfigDirs: []string{"/etc/a", "/srv/b c"}, Policy: "../p.yaml"})
	got, err := ParseMigration("yes.yaml", []byte(fillIn(text)))
	es, _ := errors.AsType[Errors](err)
	if len(es) != 1 || es[0].Field != "spec.vms[0].host" {
		t.Fatalf("%v", err)
	}
	text = Starter("yes", StarterOptions{Host: "vm-1", Unit: "@ledger.service", Port: 8081, ConfigDirs: []string{"/etc/a", "/srv/b c"}})
	if got, err = ParseMigration("yes.yaml", []byte(fillIn(text))); err != nil {
		t.Fatal(err)
	}
	want := migration.VM{Host: "vm-1", Unit: "@ledger.service", ConfigDirs: []string{"/etc/a", "/srv/b c"}}
	same(t, got.VMs[0], want)
	if got.Name != "yes" || got.OldEntry.Port != 8081 || got.Workloads[0].Ports[0].Port != 8081 {
		t.Errorf("%+v", got)
	}
}

// TestStarterOfAnyName: a name that cannot be one is reported as such and
// never breaks out of its place in the file.
func TestStarterOfAnyName(t *testing.T) {
	for _, name := range []string{"a\nkind: Policy", `a"b`, "a: b", "", "*x", "{{.}}"} {
		_, err := ParseMigration("x.yaml", []byte(fillIn(Starter(name, StarterOptions{}))))
		es, _ := errors.AsType[Errors](err)
		if !slices.ContainsFunc(es, func(e Error) bool { return e.Field == "metadata.name" }) || strings.Contains(err.Error(), "not YAML") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
