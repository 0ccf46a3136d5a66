package forward

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol, versions 1 and 2: HAProxy's doc/proxy-protocol.txt. The
// sections that are named here are its.

// A header says between whom a connection was made at first. Without addresses it
// was made by the proxy itself, or they are of no kind that is known.
type header struct {
	source, destination netip.AddrPort
	extras              []extra
}

// An extra is one of the type-length-values behind the addresses of version 2, section 2.2.
type extra struct {
	kind  byte
	value []byte
}

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	// longestV1 is the longest line that version 1 can have, its end included (section 2.1).
	longestV1 = 107
	// longestV2 bounds what follows the first 16 bytes of version 2.
	longestV2 = 4096

	commandLocal = 0x20
	commandProxy = 0x21
	overTCP4     = 0x11
	overTCP6     = 0x21

	extraCRC  = 0x03
	extraNoop = 0x04
	// extraMark is the mark of a forwarder, from the range of types for private use.
	extraMark = 0xE8
)

var errHeader = errors.New("it does not begin with a PROXY header")

// readHeader reads one header and not a byte more.
func readHeader(r io.Reader) (header, error) {
	var start [len(signature)]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return header{}, fmt.Errorf("%w: %w", errHeader, err)
	}
	if string(start[:]) == signature {
		return readV2(r)
	}
	if !bytes.HasPrefix(start[:], []byte("PROXY ")) {
		return header{}, errHeader
	}
	line := append(make([]byte, 0, longestV1), start[:]...)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(line) == longestV1 {
			return header{}, fmt.Errorf("%w: its line is too long", errHeader)
		}
		line = append(line, 0)
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return header{}, fmt.Errorf("%w: %w", errHeader, err)
		}
	}
	return parseV1(string(line[:len(line)-2]))
}

// parseV1 reads a line of version 1 without its end, section 2.1.
func parseV1(line string) (header, error) {
	words := strings.Split(line, " ")
	if len(words) > 1 && words[1] == "UNKNOWN" {
		return header{}, nil
	}
	if len(words) != 6 || (words[1] != "TCP4" && words[1] != "TCP6") {
		return header{}, fmt.Errorf("%w: its line is not understood", errHeader)
	}
	source, err := endpointV1(words[1], words[2], words[4])
	destination, err2 := endpointV1(words[1], words[3], words[5])
	return header{source: source, destination: destination}, errors.Join(err, err2)
}

func endpointV1(family, address, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(address)
	n, err2 := strconv.ParseUint(port, 10, 16)
	canonical := strconv.FormatUint(n, 10) == port // no leading zeros, no sign
	if err != nil || err2 != nil || !canonical || a.Zone() != "" || a.Is4() != (family == "TCP4") {
		return netip.AddrPort{}, fmt.Errorf("%w: an address in it is none", errHeader)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// readV2 reads what follows the signature, section 2.2.
func readV2(r io.Reader) (header, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return header{}, fmt.Errorf("%w: %w", errHeader, err)
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	if length > longestV2 {
		return header{}, fmt.Errorf("%w: it is %d bytes long", errHeader, length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return header{}, fmt.Errorf("%w: %w", errHeader, err)
	}
	if head[0] != commandLocal && head[0] != commandProxy {
		return header{}, fmt.Errorf("%w: version and command %#x are not known", errHeader, head[0])
	}
	var h header
	var rest []byte
	switch {
	case head[0] == commandLocal: // whatever follows is to be ignored
		return h, nil
	case head[1] == overTCP4 && length >= 12:
		h.source = endpointV2(body[:4], body[8:10])
		h.destination = endpointV2(body[4:8], body[10:12])
		rest = body[12:]
	case head[1] == overTCP6 && length >= 36:
		h.source = endpointV2(body[:16], body[32:34])
		h.destination = endpointV2(body[16:32], body[34:36])
		rest = body[36:]
	case head[1] == overTCP4 || head[1] == overTCP6:
		return header{}, fmt.Errorf("%w: it is too short for its addresses", errHeader)
	default: // of another kind: the connection's own addresses count
		return h, nil
	}
	var err error
	if h.extras, err = readExtras(rest); err != nil {
		return header{}, err
	}
	return h, h.checksum(head, body)
}

func endpointV2(address, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(address)
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
}

func readExtras(b []byte) ([]extra, error) {
	var out []extra
	for len(b) > 0 {
		if len(b) < 3 || len(b) < 3+int(binary.BigEndian.Uint16(b[1:])) {
			return nil, fmt.Errorf("%w: what follows its addresses is cut off", errHeader)
		}
		end := 3 + int(binary.BigEndian.Uint16(b[1:]))
		out = append(out, extra{b[0], b[3:end]})
		b = b[end:]
	}
	return out, nil
}

// checksum verifies the header's where there is one, section 2.2.3.
func (h header) checksum(head [4]byte, body []byte) error {
	for _, e := range h.extras {
		if e.kind != extraCRC {
			continue
		}
		if len(e.value) != 4 {
			return fmt.Errorf("%w: its checksum is none", errHeader)
		}
		want := binary.BigEndian.Uint32(e.value)
		clear(e.value) // it is part of body, and counts as zeros
		sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
		for _, part := range [][]byte{[]byte(signature), head[:], body} {
			_, _ = sum.Write(part)
		}
		if sum.Sum32() != want {
			return fmt.Errorf("%w: its checksum is wrong", errHeader)
		}
	}
	return nil
}

// marked says whether a forwarder's mark is in the header.
func (h header) marked(mark string) bool {
	for _, e := range h.extras {
		if e.kind == extraMark && string(e.value) == mark {
			return true
		}
	}
	return false
}

// text is the header of a version; mark is added where the version can carry it. What
// came with the header that was read goes on, where it fits.
func (h header) text(version int, mark string) []byte {
	if version == 1 {
		return h.v1()
	}
	return h.v2(mark)
}

// families of the two ends. They are of one, or the header can name neither.
func (h header) same4() bool {
	return h.source.Addr().Unmap().Is4() && h.destination.Addr().Unmap().Is4()
}

func (h header) known() bool { return h.source.IsValid() && h.destination.IsValid() }

func (h header) v1() []byte {
	if !h.known() {
		return []byte("PROXY UNKNOWN\r\n")
	}
	family, from, to := "TCP6", as6(h.source.Addr()), as6(h.destination.Addr())
	if h.same4() {
		family, from, to = "TCP4", h.source.Addr().Unmap(), h.destination.Addr().Unmap()
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, from, to, h.source.Port(), h.destination.Port())
}

// as6 is an address as one of version 6, without a zone.
func as6(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

func (h header) v2(mark string) []byte {
	command, family := byte(commandLocal), byte(0)
	var body []byte
	if h.known() {
		command = commandProxy
		if h.same4() {
			family = overTCP4
			body = append(append(body, h.source.Addr().Unmap().AsSlice()...), h.destination.Addr().Unmap().AsSlice()...)
		} else {
			family = overTCP6
			from, to := h.source.Addr().As16(), h.destination.Addr().As16()
			body = append(append(body, from[:]...), to[:]...)
		}
		body = binary.BigEndian.AppendUint16(body, h.source.Port())
		body = binary.BigEndian.AppendUint16(body, h.destination.Port())
		extras := h.extras
		if mark != "" {
			extras = append([]extra{{extraMark, []byte(mark)}}, extras...)
		}
		for _, e := range extras {
			if e.kind == extraCRC || e.kind == extraNoop || len(body)+3+len(e.value) > longestV2 {
				continue
			}
			body = append(body, e.kind)
			body = binary.BigEndian.AppendUint16(body, uint16(len(e.value)))
			body = append(body, e.value...)
		}
	}
	out := append([]byte(signature), command, family)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
	return append(out, body...)
}
