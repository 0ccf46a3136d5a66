package scan

import (
	"bytes"
	"path"
	"strings"
)

// kind is what a file's name says of how its text is to be taken.
type kind struct {
	manner      manner
	sums        bool // it lists checksums
	colons      bool // a file of passwords whose lines need no telling word
	translation bool // texts for people, under keys
}

var codeExtensions = set("go", "java", "kt", "kts", "scala", "groovy", "gradle", "py", "pyi", "pyw", "rb", "erb", "rake", "js", "jsx", "mjs", "cjs", "ts", "tsx", "vue", "svelte", "php", "phtml", "inc", "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "cs", "cshtml", "fs", "fsx", "vb", "vbs",
	"swift", "m", "mm", "rs", "pl", "pm", "t", "lua", "dart", "ex", "exs", "erl", "hrl", "hs", "clj", "cljs", "edn", "jl", "r", "sql", "pgsql", "psql", "coffee", "asp", "aspx", "jsp", "jspx", "ps1", "psm1", "psd1", "as", "pas", "d", "nim", "zig", "cr", "sol", "proto", "thrift", "graphql", "gql", "hbs", "ejs", "twig", "blade", "haml", "pug", "slim", "mustache", "cmake", "bzl", "star", "jsonnet", "libsonnet", "cfm", "tcl", "v", "sv", "ipynb_", "pp", "recipe", "s", "asm", "perl", "awk", "el", "lisp", "scm", "ml", "mli", "f", "f90", "ada", "adb")

var proseExtensions = set("md", "markdown", "mdx", "rst", "txt", "adoc", "asciidoc", "html", "htm", "xhtml_", "css", "scss", "less", "log", "tex", "org", "pod", "1", "5", "8", "po", "pot", "csv", "tsv", "svg", "rtf", "textile", "wiki", "changelog", "out", "err", "diff", "patch", "feature")

var sumNames = set("go.sum", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "composer.lock", "poetry.lock", "pipfile.lock", "gemfile.lock", "cargo.lock", "flake.lock", "packages.lock.json", "uv.lock", "mix.lock", "pubspec.lock", "podfile.lock", "sha256sums", "sha512sums", "md5sums", "checksums.txt", ".terraform.lock.hcl", "chart.lock")

func kindOf(file string) kind {
	lower := strings.ToLower(file)
	name := path.Base(lower)
	ext := strings.TrimPrefix(path.Ext(name), ".")
	for name != "."+ext && (ext == "dist" || ext == "sample" || ext == "example" || ext == "tpl" || ext == "tmpl" || ext == "bak" || ext == "orig" || ext == "old" || ext == "j2") {
		name = strings.TrimSuffix(name, "."+ext)
		ext = strings.TrimPrefix(path.Ext(name), ".")
	}
	k := kind{sums: sumNames[name] || ext == "sum" || ext == "lock" || strings.HasSuffix(name, "sums") || ext == "sha256" || ext == "md5" || ext == "map"}
	switch {
	case name == "nsswitch.conf", name == "pam.conf", name == "services", name == "rpc", name == "protocols", name == "mime.types", strings.Contains(lower, "pam.d/"):
		k.manner = asProse // password is a kind of question there
		return k
	case strings.Contains(name, "pgpass"), strings.Contains(name, "htpasswd"), name == "userlist.txt", name == "sasl_passwd", name == "chap-secrets", name == "passwd.client", name == "pap-secrets", name == ".erlang.cookie":
		k.colons = true
		return k
	case name == "requirements.txt", name == "robots.txt", name == "cmakelists.txt":
		k.manner = asProse
	case codeExtensions[ext], name == "jenkinsfile", name == "vagrantfile", name == "rakefile", name == "gemfile":
		k.manner = asCode
	case proseExtensions[ext], name == "readme", name == "changelog", name == "license", name == "copying", name == "changes", name == "news", name == "authors", name == "copyright", name == "pkg-info", name == "metadata", name == "todo", name == "install", name == "thanks", name == "news.debian", name == "changelog.debian":
		k.manner = asProse
	}
	k.translation = k.manner == asConfig && isTranslation(lower, name)
	return k
}

// wordy says that what may be lines of directives are lines of sentences: of any file
// that nothing else tells.
func wordy(data []byte) bool {
	lines, sentences := 0, 0
	for line := range bytes.Lines(data[:min(len(data), 16<<10)]) {
		text := strings.TrimSpace(string(line))
		if text == "" || isComment(text) {
			continue
		}
		lines++
		words := strings.Fields(text)
		plain := 0
		for _, w := range words {
			if strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz.,'") == "" {
				plain++
			}
		}
		if last := text[len(text)-1]; len(words) > 6 && plain*4 > len(words)*3 || (last == '.' || last == ',') && plain > 2 {
			sentences++
		}
	}
	return sentences*4 > lines
}

// isTranslation says whether a file holds texts that people read, by where it lies.
func isTranslation(lower, name string) bool {
	for _, dir := range []string{"locale/", "locales/", "i18n/", "l10n/", "lang/", "langs/", "languages/", "translations/", "/messages/"} {
		if strings.HasPrefix(lower, dir) || strings.Contains(lower, "/"+strings.TrimPrefix(dir, "/")) {
			return true
		}
	}
	for _, front := range []string{"messages", "labels", "translation", "strings.", "strings_", "applicationresources", "resources_", "validationmessages", "locale", "i18n"} {
		if strings.HasPrefix(name, front) {
			return true
		}
	}
	return strings.HasSuffix(name, ".resx") || strings.HasSuffix(name, ".xlf") || strings.HasSuffix(name, ".strings")
}
