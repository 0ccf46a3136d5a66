package secrets

// AppendText writes a string of JSON (RFC 8259, section 7) behind out: what is UTF-8
// is read as it was. Unlike a string, the bytes can be overwritten afterwards.
func AppendText(out, text []byte) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
