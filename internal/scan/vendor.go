package scan

import "strings"

// maker is how the maker of a service writes its tokens: what they begin with, what
// follows, and how much of it there is at least.
type maker struct {
	prefix  string
	letters *[256]bool
	least   int
	most    int // 0: any
}

func lettersOf(more string) *[256]bool {
	var t [256]bool
	for c := range 256 {
		t[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for _, c := range more {
		t[c] = true
	}
	return &t
}

var (
	alnum   = lettersOf("")
	inWords = lettersOf("_-")
	dottedW = lettersOf("_-.=")
	upper   = func() *[256]bool {
		var t [256]bool
		for c := range 256 {
			t[c] = c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
		}
		return &t
	}()
)

// makers are from the services' own descriptions of their tokens.
var makers = []maker{
	{"AKIA", upper, 16, 16}, {"ASIA", upper, 16, 16}, {"ABIA", upper, 16, 16}, {"ACCA", upper, 16, 16},
	{"AIza", inWords, 35, 0}, {"ya29.", inWords, 20, 0}, {"GOCSPX-", inWords, 20, 0},
	{"ghp_", alnum, 20, 0}, {"gho_", alnum, 20, 0}, {"ghu_", alnum, 20, 0}, {"ghs_", alnum, 20, 0}, {"ghr_", alnum, 20, 0}, {"github_pat_", inWords, 22, 0},
	{"glpat-", inWords, 16, 0}, {"glptt-", inWords, 16, 0}, {"gldt-", inWords, 16, 0}, {"glrt-", inWords, 16, 0}, {"glcbt-", inWords, 16, 0}, {"glsoat-", inWords, 16, 0}, {"glagent-", inWords, 16, 0},
	{"xoxb-", inWords, 10, 0}, {"xoxa-", inWords, 10, 0}, {"xoxp-", inWords, 10, 0}, {"xoxe-", inWords, 10, 0}, {"xoxr-", inWords, 10, 0}, {"xoxs-", inWords, 10, 0}, {"xapp-", inWords, 10, 0},
	{"hvs.", inWords, 16, 0}, {"hvb.", inWords, 16, 0}, {"hvr.", inWords, 16, 0},
	{"sk_live_", alnum, 16, 0}, {"sk_test_", alnum, 16, 0}, {"rk_live_", alnum, 16, 0}, {"rk_test_", alnum, 16, 0}, {"whsec_", alnum, 20, 0},
	{"SG.", dottedW, 40, 0}, {"npm_", alnum, 30, 0}, {"pypi-AgE", inWords, 16, 0}, {"rubygems_", alnum, 40, 0},
	{"dop_v1_", alnum, 32, 0}, {"doo_v1_", alnum, 32, 0}, {"shpat_", alnum, 20, 0}, {"shpss_", alnum, 20, 0}, {"shpca_", alnum, 20, 0}, {"shppa_", alnum, 20, 0},
	{"sq0atp-", inWords, 20, 0}, {"sq0csp-", inWords, 40, 0}, {"EAAC", alnum, 40, 0}, {"key-", alnum, 32, 32}, {"dckr_pat_", inWords, 16, 0}, {"glsa_", inWords, 20, 0},
	{"sk-", inWords, 32, 0}, {"LTAI", alnum, 16, 20}, {"lin_api_", alnum, 30, 0}, {"figd_", inWords, 30, 0}, {"pul-", alnum, 40, 40}, {"sntrys_", dottedW, 30, 0}, {"dp.pt.", alnum, 30, 0}, {"hf_", alnum, 30, 0}, {"AGE-SECRET-KEY-1", upper, 50, 0},
	{"NRAK-", alnum, 27, 27}, {"PMAK-", inWords, 40, 0}, {"ATATT3", dottedW, 60, 0}, {"AccountKey=", lettersOf("+/="), 60, 0},
}

// vendorToken finds a token of the form that its maker gave it.
func vendorToken(text string) (from, to int, found bool) {
	if !hasLongWord(text) {
		return 0, 0, false
	}
	for i := range makers {
		m := &makers[i]
		for at := 0; ; {
			next := strings.Index(text[at:], m.prefix)
			if next < 0 {
				break
			}
			from = at + next
			to = from + len(m.prefix)
			for to < len(text) && m.letters[text[to]] {
				to++
			}
			n := to - from - len(m.prefix)
			if n >= m.least && (m.most == 0 || n <= m.most) && (from == 0 || !letter(text[from-1]) && text[from-1] != '-') && likeToken(text[from+len(m.prefix):to]) {
				return from, to, true
			}
			at = from + len(m.prefix)
		}
	}
	return 0, 0, false
}

// hasLongWord says whether a text may hold a word as long as a token.
func hasLongWord(text string) bool {
	const least = 16
	for i := least - 1; i < len(text); i += least {
		if !wordByte[text[i]] {
			continue
		}
		from, to := i, i+1
		for from > 0 && wordByte[text[from-1]] {
			from--
		}
		for to < len(text) && wordByte[text[to]] {
			to++
		}
		if to-from >= least {
			return true
		}
		i = to - 1
	}
	return false
}

// likeToken says that the variable part of a token is one: digits and letters, and
// not one of them all along.
func likeToken(text string) bool {
	return strings.ContainsAny(text, "0123456789") && entropy(text) > 2.5 && !strings.Contains(strings.ToLower(text), "example") && !strings.Contains(strings.ToLower(text), "xxxx")
}
