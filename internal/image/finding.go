package image

import (
	"fmt"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/scan"
)

// Code names what an image is held to.
type Code string

// The codes. CodeBase is the guard of that name; the others belong to images alone.
const (
	CodeBase   = Code(migration.CodeBaseImage)
	CodeDigest = Code("IMAGE-DIGEST")  // pinned by digest
	CodeLayers = Code("IMAGE-LAYERS")  // every layer can be read, and stays inside the image
	CodeSecret = Code("IMAGE-SECRETS") // no secret in a layer, the history, a variable or a label
	CodeSize   = Code("IMAGE-SIZE")    // not larger than allowed
	CodeUser   = Code("IMAGE-USER")    // does not run as root
)

// Codes are all of them, in the order in which a check lists them.
var Codes = []Code{CodeBase, CodeDigest, CodeUser, CodeSize, CodeLayers, CodeSecret}

// Finding is what one check has found. Text is one sentence; Remedy says what helps
// where the verdict does not pass.
type Finding struct {
	Code     Code              `json:"code"`
	Verdict  migration.Verdict `json:"verdict"`
	Subject  string            `json:"subject"` // image, or path of the Dockerfile
	Text     string            `json:"text"`
	Evidence []Evidence        `json:"evidence,omitempty"`
	Remedy   string            `json:"remedy,omitempty"`
}

// Evidence is one thing that was seen. Of a secret it is the place, never what it is.
type Evidence struct {
	What   string `json:"what"`
	Layer  int    `json:"layer,omitempty"` // from 1
	File   string `json:"file,omitempty"`  // in the image, see inventory.Name
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Key    string `json:"keyPath,omitempty"`
	Rule   string `json:"rule,omitempty"`
	// Removed is the layer that hides the file: it is still in the image.
	Removed  int  `json:"removedByLayer,omitempty"`
	Doubtful bool `json:"doubtful,omitempty"`
}

// OK says whether every finding passes.
func OK(all []Finding) bool {
	for _, f := range all {
		if f.Verdict != migration.Pass {
			return false
		}
	}
	return true
}

// plainName writes a path of an image for people and machines: it may hold anything,
// a secret too.
func plainName(file string) string {
	clean, _ := scan.Redact([]byte("/" + file))
	return inventory.Name(string(clean))
}

func (p place) evidence() Evidence {
	e := Evidence{Layer: p.layer, File: plainName(p.file), Line: p.at.Line, Column: p.at.Column, Key: p.at.Key, Rule: p.at.Rule, Removed: p.removed, Doubtful: p.at.Doubtful}
	e.What = e.File
	if e.Line > 0 {
		e.What += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		e.What += " " + e.Key
	}
	e.What += " (" + e.Rule + ")"
	if e.Layer > 0 {
		e.What += fmt.Sprintf(", layer %d", e.Layer)
	}
	if e.Removed > 0 {
		e.What += fmt.Sprintf("; layer %d hides it, and it is still there", e.Removed)
	}
	return e
}

// times is a count with its noun: 1 file, 2 files.
func times(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Bytes is a size for people.
func Bytes(n int64) string {
	const unit = 1024
	value, suffixes := float64(n), []string{"KiB", "MiB", "GiB", "TiB"}
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	i := -1
	for value >= unit && i+1 < len(suffixes) {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %s", value, suffixes[i])
}
