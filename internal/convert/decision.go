package convert

import (
	"errors"
	"fmt"
	"strings"
)

// Verdict is what a person decides.
type Verdict string

// The verdicts. Skip is of files alone.
const (
	DecideSecret Verdict = "secret"
	DecidePublic Verdict = "public"
	DecideSkip   Verdict = "skip"
)

// Decision is what a person has decided of a file, of everything below a directory
// (File ends in "/", to skip it), or of what stands under a key path of a file. It
// names no value. A decision for public is one for as many places as were seen when
// it was made: with one more the question is asked again. Without Places it is one
// for a key and none for a file.
type Decision struct {
	File   string  `json:"file"`
	Key    string  `json:"key,omitempty"`
	Is     Verdict `json:"is"`
	Places int     `json:"places,omitempty"`
	Why    string  `json:"why,omitempty"`
}

// CheckDecisions says which of them cannot be meant.
func CheckDecisions(all []Decision) error {
	var errs []error
	seen := map[[2]string]int{}
	for i, d := range all {
		fault := ""
		switch {
		case d.File == "":
			fault = "file is missing"
		case d.Is != DecideSecret && d.Is != DecidePublic && d.Is != DecideSkip:
			fault = fmt.Sprintf("is: %q is none of secret, public and skip", d.Is)
		case d.Is == DecideSkip && d.Key != "":
			fault = "is: a file can be skipped, a key of it cannot"
		case strings.HasSuffix(d.File, "/") && d.Is != DecideSkip:
			fault = "file: a directory as a whole can only be skipped"
		case d.Places < 0:
			fault = "places: less than none"
		}
		if at, twice := seen[[2]string{d.File, d.Key}]; twice && fault == "" {
			fault = fmt.Sprintf("decisions[%d] decides it already", at)
		}
		seen[[2]string{d.File, d.Key}] = i
		if fault != "" {
			errs = append(errs, fmt.Errorf("decisions[%d]: %s", i, fault))
		}
	}
	return errors.Join(errs...)
}

// decided keeps which decisions were needed.
type decided struct {
	all  []Decision
	used []bool
}

func decisions(all []Decision) *decided { return &decided{all, make([]bool, len(all))} }

// find is the decision of a key of a file, or of the file where the key is empty.
func (d *decided) find(file, key string) (Decision, bool) {
	for i, one := range d.all {
		if one.File == file && one.Key == key && one.Is != DecideSkip {
			d.used[i] = true
			return one, true
		}
	}
	return Decision{}, false
}

// skips says whether a path, printable, or a directory above it is skipped.
func (d *decided) skips(path string) (Decision, bool) {
	for i, one := range d.all {
		if one.Is == DecideSkip && (one.File == path || strings.HasSuffix(one.File, "/") && strings.HasPrefix(path+"/", one.File)) {
			d.used[i] = true
			return one, true
		}
	}
	return Decision{}, false
}

func (d *decided) unused() []string {
	var out []string
	for i, one := range d.all {
		if d.used[i] {
			continue
		}
		out = append(out, strings.TrimSuffix(one.File+": "+one.Key, ": "))
	}
	return out
}
