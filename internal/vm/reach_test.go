package vm

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func TestReach(t *testing.T) {
	for text, want := range map[string]Reach{
		"local":                              {Local: true},
		"ssh://bank-vm-1.golemtrust.am":      {Host: "bank-vm-1.golemtrust.am", Port: 22},
		"ssh://vimes@bank-vm-1:2222":         {User: "vimes", Host: "bank-vm-1", Port: 2222},
		"ssh://vimes@[2001:db8::7]:2222":     {User: "vimes", Host: "2001:db8::7", Port: 2222},
		"ssh://[fe80::1%25eth0]":             {Host: "fe80::1%eth0", Port: 22},
		"ssh://CITY%5Cvimes@192.0.2.7/":      {User: `CITY\vimes`, Host: "192.0.2.7", Port: 22},
		"ssh://carrot.ironfoundersson@watch": {User: "carrot.ironfoundersson", Host: "watch", Port: 22},
	} {
		r, err := ParseReach(text)
		if err != nil || r != want {
			t.Errorf("%s: %+v, %v", text, r, err)
			continue
		}
		if again, err := ParseReach(r.String()); err != nil || again != r {
			t.Errorf("%s is written %s, which is %+v, %v", text, r, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                           "ssh://user@host:port, or local",
		"bank-vm-1":                  "ssh://user@host:port, or local",
		"vimes@bank-vm-1":            "ssh://user@host:port, or local",
		"http://bank-vm-1":           "no way to a machine",
		"ssh://":                     "names no machine",
		"ssh://vimes@":               "names no machine",
		"ssh://-oProxyCommand=x":     "names no machine",
		"ssh://bank-vm-1:0":          "a port that is none",
		"ssh://bank-vm-1:70000":      "a port that is none",
		"ssh://bank-vm-1:ssh":        "no way to a machine",
		"ssh://bank-vm-1/etc":        "more than a machine",
		"ssh://bank-vm-1?x":          "more than a machine",
		"ssh://bank vm":              "no way to a machine",
		"ssh://vimes:hunter2@vm":     "holds a password",
		"sftp://vimes:hunter2@vm":    "no way to a machine",
		"ssh://vimes:hunter2@vm:bad": "no way to a machine",
	} {
		_, err := ParseReach(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is told: %v", err)
		}
	}
}

func TestAMachineIsReachedByItsHostUnlessItSaysOtherwise(t *testing.T) {
	for _, c := range []struct {
		vm   migration.VM
		want string
	}{
		{migration.VM{Host: "bank-vm-1"}, "ssh://bank-vm-1"},
		{migration.VM{Host: "2001:db8::7"}, "ssh://[2001:db8::7]"},
		{migration.VM{Host: "bank-vm-1", Reach: "ssh://root@192.0.2.7:23"}, "ssh://root@192.0.2.7:23"},
		{migration.VM{Host: "bank-vm-1", Reach: "local"}, "local"},
	} {
		if r, err := ReachOf(c.vm); err != nil || r.String() != c.want {
			t.Errorf("%+v: %s, %v", c.vm, r, err)
		}
	}
}

func FuzzReach(f *testing.F) {
	for _, s := range []string{"local", "ssh://vimes@[2001:db8::7]:2222", "ssh://a:b@c", "ssh://%2F@h", "ssh://h:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseReach(text)
		if err != nil {
			return
		}
		if again, err := ParseReach(r.String()); err != nil || again != r {
			t.Errorf("%q is %+v, which is written %s and read as %+v, %v", text, r, r, again, err)
		}
		if !r.Local && (r.Host == "" || r.Port < 1 || r.Port > 65535) {
			t.Errorf("%q is %+v", text, r)
		}
	})
}
