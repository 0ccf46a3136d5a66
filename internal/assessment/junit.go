package assessment

import (
	"encoding/xml"
	"io"
	"strings"
	"time"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
)

// The JUnit report as Jenkins' schema and GitLab read it.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string      `xml:"classname,attr"`
		Name    string      `xml:"name,attr"`
		Failure *junitFault `xml:"failure,omitempty"`
		Error   *junitFault `xml:"error,omitempty"`
		Skipped *junitFault `xml:"skipped,omitempty"`
		Out     string      `xml:"system-out,omitempty"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junit writes one test case for each finding: what blocks is a failure, or an
// error where nobody could see; what is waived is skipped; advice and owed fixes
// pass with a word.
func junit(w io.Writer, a readiness.Assessment) error {
	s := junitSuite{Name: "rehome assess " + a.Migration, Tests: len(a.Findings), Time: a.At.UTC().Format(time.RFC3339)}
	for _, f := range a.Findings {
		c := junitCase{Class: "assess." + a.Migration, Name: string(f.Code) + ": " + f.Title}
		fault := &junitFault{Message: clean(f.Observed), Type: string(f.Code), Text: clean(details(f))}
		switch {
		case f.Verdict == migration.Waived:
			fault.Message, fault.Text = clean(why(f)), ""
			c.Skipped = fault
			s.Skipped++
		case f.Blocks && f.Verdict == migration.Unknown:
			c.Error = fault
			s.Errors++
		case f.Blocks:
			c.Failure = fault
			s.Failures++
		case f.Verdict != migration.Pass:
			c.Out = clean(verdict(f) + ": " + f.Observed + "\n" + details(f))
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suite: s}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func details(f readiness.Finding) string {
	var b strings.Builder
	for _, row := range [][2]string{{"required", f.Required}, {"note", why(f)}, {"remedy", f.Remedy}, {"see it", f.Command}} {
		if row[1] != "" {
			b.WriteString(row[0] + ": " + row[1] + "\n")
		}
	}
	for _, e := range f.Evidence {
		b.WriteString("- " + e.String() + "\n")
	}
	return b.String()
}

// clean leaves out what XML 1.0 cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return -1
	}, s)
}
