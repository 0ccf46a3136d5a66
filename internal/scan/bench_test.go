package scan

import (
	"bytes"
	"fmt"
	"testing"

	"rehome.dev/rehome/internal/scan/corpus"
)

// BenchmarkLocateCorpus reads the labelled texts, in which every third line is a
// secret: as dense as no tree is.
func BenchmarkLocateCorpus(b *testing.B) {
	files, _ := corpus.Generated(1, 4)
	benchmarkFiles(b, files)
}

// BenchmarkLocateTree reads a tree as they are: much text, and a file of secrets among
// twenty without.
func BenchmarkLocateTree(b *testing.B) {
	files, _ := corpus.Generated(1, 1)
	for i := range 40 {
		files = append(files, corpus.File{Path: fmt.Sprintf("src/a%d.go", i), Data: bytes.Repeat([]byte("func (s *Store) Put(ctx context.Context, name string, value []byte) error {\n\tif err := s.check(name); err != nil {\n\t\treturn fmt.Errorf(\"put %s: %w\", name, err)\n\t}\n\tkey := s.path(name)\n\treturn s.write(ctx, key, value)\n}\n\n"), 100)},
			corpus.File{Path: fmt.Sprintf("etc/a%d.yaml", i), Data: bytes.Repeat([]byte("- name: vimes\n  address: https://golemtrust.am:8080/accounts\n  limits: {cpu: 1, memory: 2}\n  image: registry.golemtrust.am/bank@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"), 100)},
			corpus.File{Path: fmt.Sprintf("etc/a%d.conf", i), Data: bytes.Repeat([]byte("# the number of tellers that work at once\ntellers = 16\ntimeout = 30s\nlog_level = info\nkeepalive_timeout = 65\n"), 150)})
	}
	benchmarkFiles(b, files)
}

func benchmarkFiles(b *testing.B, files []corpus.File) {
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range files {
			Locate(f.Path, f.Data)
		}
	}
}
