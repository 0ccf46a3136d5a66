package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// Name writes what the kernel calls a name or a path as text: bytes that are no
// UTF-8, control characters and backslashes become \xNN, so that two names never
// look alike and none can steer a terminal.
func Name(raw string) string {
	plain := utf8.ValidString(raw) && !strings.ContainsFunc(raw, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' })
	if plain {
		return raw
	}
	var out strings.Builder
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRuneInString(raw[i:])
		if (r == utf8.RuneError && size == 1) || r < 0x20 || r == 0x7f || r == '\\' {
			fmt.Fprintf(&out, `\x%02x`, raw[i])
			i++
			continue
		}
		out.WriteString(raw[i : i+size])
		i += size
	}
	return out.String()
}
