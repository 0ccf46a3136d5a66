// Package sarif writes results as SARIF 2.1.0 (OASIS, 27 March 2020), as far as the
// commands of this program need it. It must not know what a result means, nor how it
// was found.
package sarif

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// The types are those of the standard, with its names in JSON.
type (
	Log struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []Run  `json:"runs"`
	}
	// Run is what one call has found. Columns says how columns are counted, where
	// results have any.
	Run struct {
		Tool        Tool         `json:"tool"`
		Invocations []Invocation `json:"invocations,omitempty"`
		Columns     string       `json:"columnKind,omitempty"`
		Results     []Result     `json:"results"`
	}
	Tool struct {
		Driver Driver `json:"driver"`
	}
	Driver struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		URI     string `json:"informationUri"`
		Rules   []Rule `json:"rules"`
	}
	Rule struct {
		ID    string  `json:"id"`
		Short Message `json:"shortDescription"`
		Help  Message `json:"help"`
	}
	Message struct {
		Text string `json:"text"`
	}
	// Invocation says whether the call could look at everything.
	Invocation struct {
		Successful    bool           `json:"executionSuccessful"`
		Notifications []Notification `json:"toolExecutionNotifications,omitempty"`
	}
	Notification struct {
		Level   string  `json:"level"`
		Message Message `json:"message"`
	}
	// Result is about the rule with the index Index among the driver's rules. A Level
	// other than none goes with the kind fail alone (3.27.9, 3.27.10).
	Result struct {
		Rule         string            `json:"ruleId"`
		Index        int               `json:"ruleIndex"`
		Kind         string            `json:"kind"`
		Level        string            `json:"level"`
		Message      Message           `json:"message"`
		Locations    []Location        `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
		Suppressions []Suppression     `json:"suppressions,omitempty"`
		Properties   map[string]any    `json:"properties,omitempty"`
	}
	Location struct {
		Physical *Physical `json:"physicalLocation,omitempty"`
		Logical  []Logical `json:"logicalLocations,omitempty"`
	}
	Physical struct {
		Artifact Artifact `json:"artifactLocation"`
		Region   *Region  `json:"region,omitempty"`
	}
	Artifact struct {
		URI string `json:"uri"`
	}
	// Region begins at a line and column from 1; a column of 0 is the whole line.
	Region struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
	Logical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	Suppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// NewRun is a run of this program, which has found nothing yet.
func NewRun(version string) Run {
	return Run{
		Tool:    Tool{Driver{Name: "rehome", Version: version, URI: "https://rehome.dev", Rules: []Rule{}}},
		Results: []Result{},
	}
}

// Write writes one run.
func Write(w io.Writer, run Run) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(Log{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []Run{run}})
}

// FileURI is the reference to a file (RFC 3986): relative where the path is.
func FileURI(path string) string {
	path = filepath.ToSlash(path)
	u := url.URL{Path: path}
	if strings.HasPrefix(path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}
