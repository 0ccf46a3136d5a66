package sarif

import (
	"bytes"
	"encoding/json"
	"testing"
)

// A run that has found nothing has lists that are empty, and none that is missing:
// the standard requires results of a run that was completed, and rules may be none.
func TestEmptyRun(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, NewRun("1.2.3")); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Name, Version string }
			}
			Results *[]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Results == nil || len(*log.Runs[0].Results) != 0 {
		t.Errorf("got %s", b.String())
	}
	if d := log.Runs[0].Tool.Driver; d.Name != "rehome" || d.Version != "1.2.3" {
		t.Errorf("driver %+v", d)
	}
}

func TestFileURI(t *testing.T) {
	for path, want := range map[string]string{
		"conf/app.ini":     "conf/app.ini",
		"/etc/app.ini":     "file:///etc/app.ini",
		"a b/50%.conf":     "a%20b/50%25.conf",
		"a#b?c.conf":       "a%23b%3Fc.conf",
		"2024:notes/x":     "./2024:notes/x",
		"line\nbreak.conf": "line%0Abreak.conf",
	} {
		if got := FileURI(path); got != want {
			t.Errorf("%q is %s, wanted %s", path, got, want)
		}
	}
}
