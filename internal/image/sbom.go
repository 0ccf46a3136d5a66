package image

import (
	"bytes"
	"crypto/sha1" // SPDX 2.3 demands it beside SHA-256
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/tree"
)

// SBOMType is the media type of an SBOM (SPDX 2.3, JSON).
const SBOMType = "application/spdx+json"

// The parts of an SPDX 2.3 document that are written here (clauses 6 to 11).
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Files         []spdxFile         `json:"files"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID           string            `json:"SPDXID"`
		Name         string            `json:"name"`
		Version      string            `json:"versionInfo,omitempty"`
		Download     string            `json:"downloadLocation"`
		Analysed     bool              `json:"filesAnalyzed"`
		Verification *spdxVerification `json:"packageVerificationCode,omitempty"`
		Checksums    []spdxChecksum    `json:"checksums,omitempty"`
		Concluded    string            `json:"licenseConcluded"`
		Declared     string            `json:"licenseDeclared"`
		Copyright    string            `json:"copyrightText"`
		References   []spdxReference   `json:"externalRefs,omitempty"`
		Purpose      string            `json:"primaryPackagePurpose,omitempty"`
	}
	spdxVerification struct {
		Value string `json:"packageVerificationCodeValue"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxReference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxFile struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"fileName"`
		Checksums []spdxChecksum `json:"checksums"`
		Concluded string         `json:"licenseConcluded"`
		Copyright string         `json:"copyrightText"`
	}
	spdxRelationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

const (
	spdxNone  = "NOASSERTION"
	spdxImage = "SPDXRef-image"
	spdxBase  = "SPDXRef-base"
)

func packageOf(id, name, version string) spdxPackage {
	return spdxPackage{ID: id, Name: name, Version: version, Download: spdxNone, Concluded: spdxNone, Declared: spdxNone, Copyright: spdxNone}
}

// sbomOf writes what is in an image: its base by digest, the distribution's packages
// of which files were taken, and every file that was. The same image gives the same
// document: its time is that of the image, its name the digest.
func sbomOf(b *Built, o Order) ([]byte, error) {
	_, hex256, _ := strings.Cut(b.Digest, ":")
	image := packageOf(spdxImage, o.Name, "")
	image.Analysed, image.Purpose = true, "CONTAINER"
	image.Checksums = []spdxChecksum{{"SHA256", hex256}}
	d := spdxDocument{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: o.Name,
		Namespace: "https://rehome.dev/spdx/" + url.PathEscape(o.Name) + "/" + hex256,
		Creation:  spdxCreation{Created: o.At.UTC().Format(time.RFC3339), Creators: []string{"Tool: rehome"}},
		Files:     []spdxFile{},
	}
	d.relate(d.ID, "DESCRIBES", spdxImage)
	packages := d.contents(b)
	image.Verification = &spdxVerification{verification(d.Files)}
	d.Packages = append([]spdxPackage{image}, d.base(b)...)
	d.Packages = append(d.Packages, packages...)
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the SBOM: %w", err)
	}
	return append(data, '\n'), nil
}

func (d *spdxDocument) relate(from, how, to string) {
	d.Relationships = append(d.Relationships, spdxRelationship{from, how, to})
}

func (d *spdxDocument) base(b *Built) []spdxPackage {
	if b.Base == scratch {
		return nil
	}
	name, digest, _ := strings.Cut(b.Base, "@")
	p := packageOf(spdxBase, name, digest)
	p.Purpose = "CONTAINER"
	p.References = []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:oci/" + url.PathEscape(name[strings.LastIndexByte(name, '/')+1:]) + "@" + url.QueryEscape(digest) + "?repository_url=" + url.QueryEscape(name)}}
	d.relate(spdxImage, "DESCENDANT_OF", spdxBase)
	return []spdxPackage{p}
}

// contents lists the files, and gives the packages of the distribution that they
// are of.
func (d *spdxDocument) contents(b *Built) []spdxPackage {
	var packages []spdxPackage
	ids := map[string]string{}
	for n, f := range b.Files {
		if f.Kind != tree.File {
			continue
		}
		sum := sha1.Sum(f.Content) // see above
		file := spdxFile{ID: fmt.Sprintf("SPDXRef-file-%d", n+1), Name: "./" + f.Path, Concluded: spdxNone, Copyright: spdxNone,
			Checksums: []spdxChecksum{{"SHA1", hex.EncodeToString(sum[:])}, {"SHA256", f.SHA256}}}
		d.Files = append(d.Files, file)
		d.relate(spdxImage, "CONTAINS", file.ID)
		if f.Package == "" {
			continue
		}
		id, known := ids[f.Package]
		if !known {
			id = fmt.Sprintf("SPDXRef-package-%d", len(packages)+1)
			ids[f.Package] = id
			name, version, _ := strings.Cut(f.Package, " ")
			p := packageOf(id, name, version)
			p.References = []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:deb/debian/" + url.PathEscape(name) + "@" + url.PathEscape(version)}}
			packages = append(packages, p)
			d.relate(spdxImage, "DEPENDS_ON", id)
		}
		d.relate(file.ID, "GENERATED_FROM", id)
	}
	return packages
}

// verification is the code of clause 7.9: the SHA-1 of the files' SHA-1, sorted.
func verification(files []spdxFile) string {
	sums := make([]string, len(files))
	for i, f := range files {
		sums[i] = f.Checksums[0].Value
	}
	slices.Sort(sums)
	var all bytes.Buffer
	for _, s := range sums {
		all.WriteString(s)
	}
	sum := sha1.Sum(all.Bytes()) // see above
	return hex.EncodeToString(sum[:])
}
