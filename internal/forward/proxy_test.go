package forward

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
	"testing"
)

func pair(from, to string) header {
	return header{source: netip.MustParseAddrPort(from), destination: netip.MustParseAddrPort(to)}
}

// The bytes are those of the specification, written by hand.
func TestHeadersAsSpecified(t *testing.T) {
	four, six := pair("192.168.0.1:56324", "192.168.0.11:443"), pair("[2001:db8::1]:4711", "[2001:db8::2]:80")
	for name, c := range map[string]struct {
		h       header
		version int
		want    string
	}{
		"1, TCP4":    {four, 1, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"},
		"1, TCP6":    {six, 1, "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n"},
		"1, mixed":   {pair("10.0.0.1:1", "[2001:db8::2]:80"), 1, "PROXY TCP6 ::ffff:10.0.0.1 2001:db8::2 1 80\r\n"},
		"1, unknown": {header{}, 1, "PROXY UNKNOWN\r\n"},
		"2, local":   {header{}, 2, signature + "\x20\x00\x00\x00"},
		"2, TCP4":    {four, 2, signature + "\x21\x11\x00\x0c\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb"},
	} {
		text := c.h.text(c.version, "")
		if string(text) != c.want {
			t.Errorf("%s: %q", name, text)
		}
		got, err := readHeader(strings.NewReader(c.want + "after it"))
		if err != nil || got.source != c.h.source || got.destination != c.h.destination {
			t.Errorf("%s: read as %v, %v", name, got, err)
		}
	}
}

// No byte behind a header is taken, whatever it is.
func TestHeaderEndsWhereItEnds(t *testing.T) {
	for _, version := range []int{1, 2} {
		h := pair("10.0.0.1:1", "10.0.0.2:2")
		h.extras = []extra{{0x02, []byte("name")}, {extraNoop, []byte("xx")}}
		r := bytes.NewReader(append(h.text(version, "mark"), "rest"...))
		got, err := readHeader(r)
		if err != nil {
			t.Fatal(err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "rest" {
			t.Errorf("version %d leaves %q", version, rest)
		}
		if version == 2 && (!got.marked("mark") || got.marked("mar") || len(got.extras) != 2 || string(got.extras[1].value) != "name") {
			t.Errorf("what it carries: %+v", got.extras)
		}
	}
}

func TestHeadersThatAreNone(t *testing.T) {
	long := signature + "\x21\x11\x10\x01" + strings.Repeat("x", 0x1001)
	for name, text := range map[string]string{
		"nothing": "", "a request": "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "half a signature": signature[:11],
		"no end": "PROXY TCP4 1.2.3.4 1.2.3.4 1 1" + strings.Repeat(" ", 100), "another family": "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
		"a word too many": "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "a wrong family": "PROXY TCP4 ::1 ::1 1 1\r\n", "a zone": "PROXY TCP6 fe80::1%e ::1 1 1\r\n",
		"a port of no number": "PROXY TCP4 1.2.3.4 1.2.3.4 x 1\r\n", "a port too high": "PROXY TCP4 1.2.3.4 1.2.3.4 70000 1\r\n", "a zero before": "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
		"version 3": signature + "\x31\x11\x00\x00", "another command": signature + "\x22\x11\x00\x00", "too short": signature + "\x21\x11\x00\x0b" + strings.Repeat("x", 11),
		"cut off": signature + "\x21\x11\x00\x0c" + "x", "too long": long,
		"an extra cut off": signature + "\x21\x11\x00\x0f" + strings.Repeat("x", 12) + "\x01\x00\x05",
	} {
		if h, err := readHeader(strings.NewReader(text)); !errors.Is(err, errHeader) {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
}

// Connections of other kinds are let in with their own addresses (section 2.2).
func TestHeadersOfOtherKinds(t *testing.T) {
	for name, text := range map[string]string{
		"version 1": "PROXY UNKNOWN ffff::1 ::1 1 x\r\n", "a socket of a file": signature + "\x21\x31\x00\x02ab", "unspecified": signature + "\x21\x00\x00\x03abc",
		"local with addresses": signature + "\x20\x11\x00\x0c\x01\x02\x03\x04\x01\x02\x03\x04\x00\x01\x00\x01",
	} {
		if h, err := readHeader(strings.NewReader(text)); err != nil || h.known() {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
}

func TestChecksum(t *testing.T) {
	h := pair("10.0.0.1:1", "10.0.0.2:2")
	text := h.text(2, "mark")
	text = append(text, extraCRC, 0, 4, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(text[14:], uint16(len(text)-16))
	binary.BigEndian.PutUint32(text[len(text)-4:], crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	got, err := readHeader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if again := got.text(2, ""); bytes.IndexByte(again[28:], extraCRC) == 0 || len(again) != len(text)-7 {
		t.Errorf("a checksum of other bytes goes on: %q", again)
	}
	text[20]++
	if _, err := readHeader(bytes.NewReader(text)); !errors.Is(err, errHeader) {
		t.Errorf("another address: %v", err)
	}
}

// What was read and is written again is read as the same, and no input breaks it.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nrest"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(pair("10.0.0.1:1", "10.0.0.2:2").text(2, "mark"))
	f.Add(pair("[2001:db8::1]:1", "[2001:db8::2]:2").text(2, ""))
	f.Add([]byte(signature + "\x20\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := readHeader(bytes.NewReader(text))
		if err != nil {
			return
		}
		for version := 1; version <= 2; version++ {
			again, err := readHeader(bytes.NewReader(h.text(version, "m")))
			if err != nil || again.source != h.source || again.destination != h.destination {
				t.Errorf("%q: %v is written in version %d as %q and read as %v, %v", text, h, version, h.text(version, "m"), again, err)
			}
			if version == 2 && h.known() && !again.marked("m") {
				t.Errorf("%q: the mark is lost", text)
			}
		}
	})
}
