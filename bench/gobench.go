package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// A result is one benchmark: nanoseconds per operation, and whatever else it
// reports, such as steps/s.
type result struct {
	pkg, name string
	nsPerOp   float64
	other     []measure
}

type measure struct {
	value float64
	unit  string
}

// benchmarks runs every benchmark of the product, one package after the other.
func benchmarks(ctx context.Context) ([]result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=.", "-p=1", "-timeout=10m", "rehome.dev/rehome/internal/...")
	said := &strings.Builder{}
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s%s", err, out, said)
	}
	return parse(strings.NewReader(string(out)))
}

// parse reads Go's benchmark format: `pkg:` lines, and lines of name, rounds and
// pairs of value and unit. Other lines are passed over.
func parse(r io.Reader) ([]result, error) {
	var results []result
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "pkg: "); ok {
			pkg = strings.TrimPrefix(name, "rehome.dev/rehome/")
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		res, err := measured(fields)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		res.pkg = pkg
		results = append(results, res)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, errors.New("no benchmark reported anything")
	}
	return results, nil
}

func measured(fields []string) (result, error) {
	res := result{name: strings.TrimPrefix(fields[0], "Benchmark")}
	if i := strings.LastIndex(res.name, "-"); i > 0 { // the number of processors
		if _, err := strconv.Atoi(res.name[i+1:]); err == nil {
			res.name = res.name[:i]
		}
	}
	for pair := range slices.Chunk(fields[2:], 2) {
		if len(pair) < 2 {
			return res, errors.New("a value without a unit")
		}
		value, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			return res, err
		}
		if pair[1] == "ns/op" {
			res.nsPerOp = value
		} else {
			res.other = append(res.other, measure{value, pair[1]})
		}
	}
	return res, nil
}

// table writes the results for people: operations per second beside the time.
func table(results []result) string {
	var b strings.Builder
	b.WriteString("| Package | Benchmark | time | per second | also |\n|---|---|---:|---:|---|\n")
	for _, r := range results {
		var also []string
		for _, m := range r.other {
			also = append(also, fmt.Sprintf("%s %s", number(m.value), m.unit))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.pkg, r.name, duration(r.nsPerOp), number(1e9/r.nsPerOp), strings.Join(also, ", "))
	}
	return b.String()
}

func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	}
	return fmt.Sprintf("%.0f ns", ns)
}
