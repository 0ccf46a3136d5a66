package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// configurations writes files of the formats in which applications are configured,
// always the same ones, until they are so many bytes together. One file in fifty has a
// secret in it.
func configurations(dir string, bytes int) error {
	r := rand.New(rand.NewPCG(4, 2))
	kinds := []struct {
		ending string
		text   func(*rand.Rand, int) string
	}{{".properties", propertiesText}, {".yaml", yamlText}, {".json", jsonText}, {".conf", nginxText}, {".ini", iniText}, {".md", proseText}}
	for n, i := 0, 0; n < bytes; i++ {
		k := kinds[i%len(kinds)]
		text := k.text(r, 1<<10+r.IntN(30<<10))
		if i%50 == 0 {
			text = "# password of the test: ghp_" + letters(r, 36) + "\n" + text
		}
		path := filepath.Join(dir, fmt.Sprintf("team-%d", i%17), fmt.Sprintf("app-%d%s", i, k.ending))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		n += len(text)
	}
	return nil
}

// names are usual words of configuration, also those that only sound like a secret's.
var names = strings.Fields(`server port host timeout retries max min pool size connection database user url path file level
	format enabled interval cache region cluster namespace image replicas memory cpu limit request health ready metrics
	log rotate backup schedule queue topic broker group session cookie domain header proxy upstream listen worker
	api access auth keyspace tokenizer`)

func word(r *rand.Rand) string { return names[r.IntN(len(names))] }

func letters(r *rand.Rand, n int) string {
	const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = all[r.IntN(len(all))]
	}
	return string(b)
}

// value is what settings are set to.
func value(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return fmt.Sprint(r.IntN(65536))
	case 1:
		return fmt.Sprintf("%s.%s.svc.cluster.local:%d", word(r), word(r), r.IntN(65536))
	case 2:
		return "/var/lib/" + word(r) + "/" + word(r) + ".d"
	case 3:
		return "${" + strings.ToUpper(word(r)) + "_" + strings.ToUpper(word(r)) + "}"
	case 4:
		return "https://" + word(r) + ".example.org/" + word(r) + "?" + word(r) + "=" + fmt.Sprint(r.IntN(99))
	}
	return word(r) + "-" + word(r)
}

// lines repeats a line until a text is long enough.
func lines(r *rand.Rand, size int, line func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		if r.IntN(9) == 0 {
			b.WriteString("# the " + word(r) + " of the " + word(r) + ", as the " + word(r) + " wants it\n")
		}
		b.WriteString(line(i))
	}
	return b.String()
}

func propertiesText(r *rand.Rand, size int) string {
	return lines(r, size, func(int) string { return word(r) + "." + word(r) + "." + word(r) + " = " + value(r) + "\n" })
}

func iniText(r *rand.Rand, size int) string {
	return lines(r, size, func(i int) string {
		if i%8 == 0 {
			return "\n[" + word(r) + "]\n"
		}
		return word(r) + "_" + word(r) + " = " + value(r) + "\n"
	})
}

func yamlText(r *rand.Rand, size int) string {
	return lines(r, size, func(i int) string {
		return fmt.Sprintf("%s%d:\n  %s:\n    - name: %s\n      value: %q\n  %s: %d\n", word(r), i, word(r), word(r), value(r), word(r), r.IntN(99))
	})
}

func jsonText(r *rand.Rand, size int) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "  \"%s%d\": {\"%s\": %q, \"%s\": [%d, %d]},\n", word(r), i, word(r), value(r), word(r), r.IntN(99), r.IntN(99))
	}
	return b.String() + "  \"end\": true\n}\n"
}

func nginxText(r *rand.Rand, size int) string {
	return lines(r, size, func(i int) string {
		return fmt.Sprintf("server {\n  listen %d;\n  server_name %s.example.org;\n  location /%s/ {\n    proxy_pass http://%s:%d;\n    proxy_set_header X-%s $%s;\n  }\n}\n",
			r.IntN(65536), word(r), word(r), word(r), r.IntN(65536), word(r), word(r))
	})
}

func proseText(r *rand.Rand, size int) string {
	return lines(r, size, func(int) string {
		return "The " + word(r) + " of a " + word(r) + " is set where the " + word(r) + " keeps its " + word(r) + "; see `" + word(r) + "_" + word(r) + "`.\n"
	})
}
