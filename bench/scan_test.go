package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScanTable(t *testing.T) {
	second := []time.Duration{3e9, 1e9, 2e9}
	got := scanTable([]scans{{"a tree", 10e6, second, []time.Duration{12e9, 10e9, 90e9}, second, []time.Duration{16e9, 16e9, 16e9}}}, 64<<20, 30<<20, 8*time.Second)
	for _, want := range []string{
		"| a tree, 10.0 MB, time | 5 MB/s | 0.833 MB/s | 6.0 times as long |", "| a tree, 10.0 MB, processors | 5 MB/s | 0.625 MB/s | 8.0 times as long |",
		"| 64 MiB through a pipe | 8.39 MB/s |", "| memory at its peak | 30 MiB |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// The tree is the same each time, and has something to be found.
func TestConfigurations(t *testing.T) {
	var sizes []int64
	for range 2 {
		dir := t.TempDir()
		if err := configurations(dir, 1<<20); err != nil {
			t.Fatal(err)
		}
		n, err := treeSize(dir)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
		first, err := os.ReadFile(filepath.Join(dir, "team-0", "app-0.properties"))
		if err != nil || !strings.HasPrefix(string(first), "# password of the test: ghp_") {
			t.Errorf("the first file has no secret: %v", err)
		}
	}
	if sizes[0] != sizes[1] || sizes[0] < 1<<20 || sizes[0] > 2<<20 {
		t.Errorf("sizes %d", sizes)
	}
}

// The command itself, on a small stream; this program is it, see TestMain.
func TestWhatALongScanTakes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	peak, took, err := longScan(t.Context(), self, 12<<20)
	if err != nil || peak < 1<<20 || peak > 1<<30 || took <= 0 {
		t.Errorf("%d bytes in %s, %v", peak, took, err)
	}
}
