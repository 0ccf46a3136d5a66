package config

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

// namesKey is a setting whose value is the path of a file with a private key:
// ssl_key_file, ssl_certificate_key, tls.keystore, SSLCertificateKeyFile.
var namesKey = regexp.MustCompile(`(?i)(key[-_.]?file|(certificate|private|ssl|tls)[-_.]?key|key[-_.]?store)$`)

// mostKeyFiles bounds how many files are looked at that settings name.
const mostKeyFiles = 50

// named notes the key files that settings name, wherever they are.
func (r *reading) named(settings []scan.Setting) {
	for _, s := range settings {
		file := strings.Trim(strings.TrimSpace(s.Value), `"';`)
		if namesKey.MatchString(s.Key) && path.IsAbs(file) && len(r.keyFiles) < mostKeyFiles {
			r.keyFiles[path.Clean(file)] = true
		}
	}
}

// namedKeys looks into the key files that no directory of the configuration holds.
// A name that leads nowhere is no secret; a file that may not be read is a gap.
func (r *reading) namedKeys() {
	for _, s := range r.facts.Secrets {
		delete(r.keyFiles, s.File)
	}
	for _, file := range slices.Sorted(maps.Keys(r.keyFiles)) {
		host, err := resolve(r.scope.Root, file)
		if err != nil {
			continue
		}
		c, err := r.read(host)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			r.scope.Gaps.Add(inventory.SubjectSecrets, inventory.Name(file), reason(err))
		default:
			for _, p := range scan.Locate(file, c.data) {
				if p.Doubtful {
					continue // no fact
				}
				r.facts.Secrets = append(r.facts.Secrets, inventory.SecretPlace{File: inventory.Name(file), Line: p.Line, Key: inventory.Name(p.Key), Rule: p.Rule, In: "file"})
			}
		}
	}
}
