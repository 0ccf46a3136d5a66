// Package traffic reads the access logs of the application, and of the proxies in
// front of it, as a source of how much it is asked, what fails and how long it
// takes.
//
// It hands on counts alone: no client's address, no URL, no line. It does not know
// whether the traffic is much or little.
package traffic

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome.dev/rehome/internal/accesslog"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

const (
	// tail is how much of a log is read, from its end.
	tail = 4 << 20
	// glance is how many lines the format is told from.
	glance = 50
	// maxLogs is how many files are looked at.
	maxLogs = 50
)

type collector struct{}

// New makes the collector. It goes behind those of files, logs and proxies, whose
// facts tell it where the logs are.
func New() scope.Collector { return collector{} }

// Subjects are what it looks at.
func (collector) Subjects() []inventory.Subject {
	return []inventory.Subject{inventory.SubjectTraffic}
}

// Sample looks at nothing: what a log has, it still has in the end.
func (collector) Sample(context.Context, *scope.Scope) {}

// Finish reads the end of each log that turns out to be an access log.
func (collector) Finish(ctx context.Context, s *scope.Scope, f *inventory.Facts) {
	logs := candidates(s.Root, f)
	for i, l := range logs {
		if i == maxLogs || ctx.Err() != nil {
			s.Gaps.Add(inventory.SubjectTraffic, "", "not every log could be looked at")
			return
		}
		t, err := read(ctx, filepath.Join(s.Root, l), hint(l, f))
		if err != nil {
			s.Gaps.Add(inventory.SubjectTraffic, inventory.Name(l), plain(err))
			continue
		}
		if t == nil {
			continue
		}
		t.Log = inventory.Name(l)
		f.Traffic = append(f.Traffic, *t)
		for j := range f.Logs {
			if f.Logs[j].Kind == inventory.SinkFile && f.Logs[j].To == t.Log {
				f.Logs[j].Access = t.Format
			}
		}
	}
}

// plain is an error without the path, which stands beside it.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// candidates are the files that may be access logs: every log of the application,
// and those that the configuration of a proxy in front of it names.
func candidates(root string, f *inventory.Facts) []string {
	var out []string
	add := func(path string) {
		// A name with escapes is not the name of the file any more.
		if filepath.IsAbs(path) && !strings.Contains(path, `\`) && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	for _, l := range f.Logs {
		if l.Kind == inventory.SinkFile {
			add(l.To)
		}
	}
	for _, file := range f.Files {
		if file.Class == inventory.FileLog && !file.Deleted {
			add(file.Path)
		}
	}
	for _, p := range f.Proxies {
		for _, path := range logsOf(filepath.Join(root, p.File)) {
			add(path)
		}
	}
	return out
}

// logsOf are the access logs that a configuration of nginx or Apache names with a
// whole path: `access_log PATH …;` and `CustomLog PATH …`.
func logsOf(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var out []string
	for line := range bytes.Lines(data[:min(len(data), 1<<20)]) {
		words := strings.Fields(string(line))
		if len(words) > 1 && (words[0] == "access_log" || strings.EqualFold(words[0], "CustomLog")) {
			path := strings.Trim(words[1], `";`)
			path = strings.Replace(path, "${APACHE_LOG_DIR}", "/var/log/apache2", 1) // as Debian sets it
			if !strings.ContainsAny(path, "$|%") {
				out = append(out, path)
			}
		}
	}
	return out
}

// hint says who writes the log, where that can be told.
func hint(path string, f *inventory.Facts) string {
	all := strings.ToLower(path)
	for who, words := range map[string][]string{
		"tomcat": {"localhost_access_log", "tomcat", "catalina"}, "apache": {"apache", "httpd"}, "nginx": {"nginx"},
	} {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(all, w) }) {
			return who
		}
	}
	for _, p := range f.Programs {
		if strings.Contains(strings.ToLower(p.Framework), "tomcat") {
			return "tomcat"
		}
	}
	for _, p := range f.Processes {
		if p.Name == "apache2" || p.Name == "httpd" {
			return "apache"
		}
	}
	return ""
}

// read sums up the end of a log; nil says that it is none of accesses, or empty.
func read(ctx context.Context, path, hint string) (*inventory.Traffic, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil // a pipe or a terminal would have to be waited for
	}
	if info.Size() == 0 {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	from := max(info.Size()-tail, 0)
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	lines := bufio.NewReaderSize(io.LimitReader(file, tail), 1<<16)
	if from > 0 { // the first line is not whole
		if _, err := lines.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil
		}
	}
	return sum(ctx, lines, hint)
}

// sum reads lines to the end. The first ones tell the format.
func sum(ctx context.Context, lines *bufio.Reader, hint string) (*inventory.Traffic, error) {
	var first []string
	for len(first) < glance {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the last line may be half written
		}
		first = append(first, line)
	}
	parser, ok := accesslog.Detect(first, hint, time.Local)
	if !ok {
		return nil, nil
	}
	t := tally{Traffic: inventory.Traffic{Format: string(parser.Format)}, clients: map[uint64]bool{}, seed: maphash.MakeSeed()}
	for _, line := range first {
		t.take(parser.Parse(line))
	}
	for ctx.Err() == nil {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			t.Unparsed++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return t.traffic(), nil
		}
		if err != nil {
			return nil, err
		}
		t.take(parser.Parse(string(line)))
	}
	return nil, ctx.Err()
}

// tally counts. Of a client it keeps a number from which nobody gets back to the address.
type tally struct {
	inventory.Traffic
	micros  []int64
	clients map[uint64]bool
	seed    maphash.Seed
}

func (t *tally) take(e accesslog.Entry, ok bool) {
	if !ok {
		t.Unparsed++
		return
	}
	t.Requests++
	if e.Failed() {
		t.Errors++
	}
	if e.Timed {
		t.micros = append(t.micros, e.Latency.Microseconds())
	}
	if e.Client != "" {
		t.clients[maphash.String(t.seed, e.Client)] = true
	}
	if t.From.IsZero() || e.At.Before(t.From) {
		t.From = e.At
	}
	if e.At.After(t.To) {
		t.To = e.At
	}
}

func (t *tally) traffic() *inventory.Traffic {
	t.Peers = len(t.clients)
	if n := len(t.micros); n > 0 {
		slices.Sort(t.micros)
		at := func(share int) int64 { return t.micros[min(n*share/100, n-1)] }
		t.Latency = &inventory.Quantiles{P50: at(50), P95: at(95), P99: at(99), Max: t.micros[n-1], N: n}
	}
	return &t.Traffic
}
