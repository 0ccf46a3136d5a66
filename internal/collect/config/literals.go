package config

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/scan"
)

var (
	v4      = regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}`)
	v6      = regexp.MustCompile(`[0-9a-fA-F:]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*`)
	notHost = regexp.MustCompile(`(?i)version|release|\boid\b|build|netmask|subnet.?mask|revision`)
)

// mostLiterals bounds the addresses of one file: beyond it the file is a list of
// them.
const mostLiterals = 200

// literals are the addresses of hosts in a file. What is commented out counts as
// little as the loopback, a mask, a network or a version.
func literals(format scan.Format, data []byte, settings []scan.Setting) []inventory.Literal {
	var out []inventory.Literal
	seen := map[inventory.Literal]bool{}
	add := func(line int, key, text string) {
		for _, address := range addressesIn(key, text) {
			l := inventory.Literal{Line: line, Key: inventory.Name(key), Address: address}
			if !seen[l] && len(out) < mostLiterals {
				seen[l] = true
				out = append(out, l)
			}
		}
	}
	keys := map[int]string{}
	for _, s := range settings {
		keys[s.Line] = s.Printable()
		if format == scan.FormatXML || format == scan.FormatJSON {
			add(s.Line, s.Printable(), s.Value)
		}
	}
	if format == scan.FormatXML || format == scan.FormatJSON || format == scan.FormatText || format == scan.FormatEncrypted || format == scan.FormatHtpasswd {
		return out
	}
	n, key := 0, ""
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if k, is := keys[n]; is {
			key = k
		} else if format == scan.FormatWords {
			key = ""
		}
		if text == "" || text[0] == '#' || text[0] == ';' || strings.HasPrefix(text, "//") || !strings.ContainsAny(text, ".:") {
			continue
		}
		text, _, _ = strings.Cut(text, " #")
		add(n, key, text)
	}
	return out
}

// addressesIn are the addresses of hosts in a piece of text.
func addressesIn(key, text string) []string {
	if notHost.MatchString(key) {
		return nil
	}
	var out []string
	for _, at := range v4.FindAllStringIndex(text, -1) {
		before, after := text[:at[0]], text[at[1]:]
		a, err := netip.ParseAddr(text[at[0]:at[1]])
		if err == nil && alone(before, after) && ofHost(a) && !isNetwork(a, after) && !notHost.MatchString(lastWord(before)) {
			out = append(out, a.String())
		}
	}
	if strings.Count(text, ":") < 2 {
		return out
	}
	for _, at := range v6.FindAllStringIndex(text, -1) {
		before, after := text[:at[0]], text[at[1]:]
		a, err := netip.ParseAddr(strings.Trim(text[at[0]:at[1]], "."))
		if err == nil && a.Is6() && !a.Is4In6() && strings.ContainsAny(text[at[0]:at[1]], "0123456789") && alone(before, after) && ofHost(a) && !isNetwork(a, after) {
			out = append(out, a.String())
		}
	}
	return out
}

func lastWord(before string) string {
	return before[strings.LastIndexAny(strings.TrimRight(before, " =:\"'\t"), " \t,;")+1:]
}

// alone says that nothing around the digits makes them a part of something
// longer: a version, the name of a file, an object identifier.
func alone(before, after string) bool {
	if before != "" {
		c := before[len(before)-1]
		end := v4.FindAllStringIndex(before[:len(before)-1], -1)
		ofRange := c == '-' && len(end) > 0 && end[len(end)-1][1] == len(before)-1
		if partOfName(c) && !ofRange {
			return false
		}
	}
	if after == "" {
		return true
	}
	switch c := after[0]; {
	case c == '.':
		return len(after) == 1 || !partOfName(after[1])
	case c == '-':
		return v4.FindStringIndex(after) != nil && v4.FindStringIndex(after)[0] == 1
	default:
		return !partOfName(c)
	}
}

// ofHost says that an address can be that of another host, or of a group.
func ofHost(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return false
	}
	if a.Is4() {
		b := a.As4()
		return b[0] != 0 && b[0] < 240
	}
	return true
}

// isNetwork says that what follows the address makes it one of a network: all
// bits behind the prefix are zero.
func isNetwork(a netip.Addr, after string) bool {
	if !strings.HasPrefix(after, "/") {
		return false
	}
	end := 1
	for end < len(after) && (after[end] == '.' || after[end] >= '0' && after[end] <= '9') {
		end++
	}
	if strings.Contains(after[1:end], ".") {
		return true // a mask
	}
	p, err := netip.ParsePrefix(a.String() + after[:end])
	return err == nil && p.Bits() < a.BitLen() && p.Masked().Addr() == a
}

// hostLine is a line of /etc/hosts.
type hostLine struct {
	address netip.Addr
	names   []string
}

func hostLines(root string) []hostLine {
	data, err := os.ReadFile(filepath.Join(root, "/etc/hosts"))
	if err != nil {
		return nil
	}
	var out []hostLine
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if a, err := netip.ParseAddr(fields[0]); err == nil {
			out = append(out, hostLine{a, fields[1:]})
		}
	}
	return out
}
