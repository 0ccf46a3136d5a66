package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const secret = "correct-horse-battery-staple"

func set(t *testing.T) *Set {
	t.Helper()
	s, err := New(map[string][]byte{"password": []byte(secret), "key": {0x81, 2, 3, 4, 0xfe, 6, 7, 8, 9, 10, 11, 12, 13, 0xe4, 15, 16, 17}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryForm(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("password = " + secret))
	_ = z.Close()
	forms := map[string]string{
		"as it is":      secret,
		"cut at an end": secret[:Piece],
		"in the middle": secret[5 : 5+Piece],
		"in hex":        hex.EncodeToString([]byte(secret)),
		"in HEX":        strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"in a URL":      base64.URLEncoding.EncodeToString([]byte("Ü?>" + secret)),
		"packed":        packed.String(),
	}
	for i := range 3 {
		once := base64.StdEncoding.EncodeToString([]byte("abc"[:i] + secret + "abc"))
		forms["in base64, "+string(rune('0'+i))] = once
		for j := range 3 {
			forms["in base64 twice, "+string(rune('0'+i*3+j))] = base64.StdEncoding.EncodeToString([]byte("abc"[:j] + once + "x"))
		}
	}
	s := set(t)
	for how, form := range forms {
		if got := s.Find([]byte(form)); !slices.Equal(got, []string{"password"}) {
			t.Errorf("%s: found %v", how, got)
		}
		if how == "packed" {
			continue
		}
		if got := s.Find([]byte("before " + form + " after")); !slices.Equal(got, []string{"password"}) {
			t.Errorf("%s, within a text: found %v", how, got)
		}
	}
	for _, innocent := range []string{"", "correct", secret[:Piece-1], strings.Repeat("horse", 100)} {
		if got := s.Find([]byte(innocent)); len(got) > 0 {
			t.Errorf("%q: found %v", innocent, got)
		}
	}
	if _, err := New(map[string][]byte{"pin": []byte("1234")}); err == nil {
		t.Error("a short secret is looked for")
	}
}

// TestNoise: what looks like a key is not taken for one.
func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 1<<20)
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	for _, text := range []string{string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)} {
		if got := set(t).Find([]byte(text)); len(got) > 0 {
			t.Errorf("found %v in noise", got)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "nothing", "a" + secret: "", "log": "x" + secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/"+secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	told, files, err := set(t).Files(dir)
	if err != nil || files != 3 || len(told) != 3 {
		t.Errorf("%v in %d files, %v", told, files, err)
	}
	if _, _, err := set(t).Files(filepath.Join(dir, "none")); err != nil {
		t.Errorf("what is gone: %v", err)
	}
}
