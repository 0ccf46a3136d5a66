package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/tree"
)

// What SPDX 2.3 demands of a document is there: clauses 6 (document), 7 (packages),
// 8 (files) and 11 (relationships), and each relationship leads to something.
func TestSBOM(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files, facts := application(t)
	b, err := New().Build(t.Context(), s.order(facts, s.base(bigLibraries(t, facts)...)), Root{disk(t, files)}.Read)
	passes(t, b, err)
	var d spdxDocument
	if err := json.Unmarshal(b.SBOM, &d); err != nil {
		t.Fatal(err)
	}
	if d.Version != "SPDX-2.3" || d.DataLicense != "CC0-1.0" || d.ID != "SPDXRef-DOCUMENT" || d.Creation.Created != "1970-01-01T00:00:00Z" ||
		len(d.Creation.Creators) != 1 || !strings.HasSuffix(d.Namespace, strings.TrimPrefix(b.Digest, "sha256:")) {
		t.Errorf("%+v", d)
	}
	ids := map[string]bool{d.ID: true}
	add := func(id string) {
		if ids[id] || !regexp.MustCompile(`^SPDXRef-[a-zA-Z0-9.-]+$`).MatchString(id) {
			t.Errorf("the name %q is not lawful, or there twice", id)
		}
		ids[id] = true
	}
	names := map[string]string{}
	for _, p := range d.Packages {
		add(p.ID)
		names[p.Name] = p.Version
		if p.Name == "" || p.Download == "" || p.Analysed != (p.Verification != nil) {
			t.Errorf("%+v", p)
		}
	}
	if names["libs"] != "1.2-3" || names["libc6"] != "2.36-9" || names[untagged(b.Base)] == "" {
		t.Errorf("packages: %v", names)
	}
	sums := map[string]string{}
	for _, f := range d.Files {
		add(f.ID)
		if len(f.Checksums) != 2 || f.Checksums[0].Algorithm != "SHA1" || f.Checksums[1].Algorithm != "SHA256" || !strings.HasPrefix(f.Name, "./") {
			t.Errorf("%+v", f)
		}
		sums[f.Name] = f.Checksums[1].Value
	}
	for _, f := range b.Files {
		sum := sha256.Sum256(f.Content)
		if got := sums["./"+f.Path]; (got == hex.EncodeToString(sum[:])) != (f.Kind == tree.File) {
			t.Errorf("%s has the digest %q", f.Path, got)
		}
	}
	described := false
	for _, r := range d.Relationships {
		if !ids[r.From] || !ids[r.To] {
			t.Errorf("%+v leads nowhere", r)
		}
		described = described || r == spdxRelationship{"SPDXRef-DOCUMENT", "DESCRIBES", spdxImage}
	}
	if !described || strings.Contains(string(b.SBOM), canary) {
		t.Error("the document describes nothing, or too much")
	}
}
