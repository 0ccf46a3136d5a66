package corpus

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
)

// Generated are the templates filled in with other values in each round. The same
// seed gives the same texts. Planted are the values that stand on lines of secrets.
func Generated(seed uint64, rounds int) (all []File, planted []string) {
	g := generator{random: rand.New(rand.NewPCG(seed, seed))}
	for range rounds {
		for _, t := range read("templates") {
			all = append(all, g.fill(t))
		}
	}
	return all, g.planted
}

type generator struct {
	random  *rand.Rand
	planted []string
}

var marker = regexp.MustCompile(`«(\w+)»`)

func (g *generator) fill(t File) File {
	out := File{Path: marker.ReplaceAllStringFunc(t.Path, g.value), Labels: t.Labels}
	for i, line := range strings.SplitAfter(strings.TrimSuffix(string(t.Data), "\n"), "\n") {
		line = marker.ReplaceAllStringFunc(line, func(m string) string {
			v := g.value(m)
			if t.Labels[i] == Secret && !harmlessKinds[m] {
				g.planted = append(g.planted, v)
			}
			return v
		})
		out.Data = append(out.Data, line...)
	}
	out.Data = append(out.Data, '\n')
	return out
}

// harmlessKinds may stand beside a secret without being one.
var harmlessKinds = map[string]bool{"«user»": true, "«host»": true, "«word»": true, "«Word»": true, "«num»": true, "«uuid»": true, "«salt»": true}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers = "0123456789"
)

func (g *generator) of(alphabet string, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[g.random.IntN(len(alphabet))]
	}
	return string(out)
}

func pick[T any](g *generator, from ...T) T { return from[g.random.IntN(len(from))] }

var names = strings.Fields("vimes carrot colon nobby angua detritus cheery sybil vetinari moist adora igor otto william sacharissa rincewind ridcully stibbons")
var things = strings.Fields("clacks bank mint post watch opera tower ledger stamp coach harbour alchemy brewery theatre")

// value is one of a kind. The kinds of passwords differ in what the place where they
// stand allows.
func (g *generator) value(kind string) string {
	switch strings.Trim(kind, "«»") {
	case "pw":
		return g.password()
	case "pwq": // inside double quotes
		return pick(g, g.password(), g.password()+`\"`+g.of(numbers, 2), g.password()+" "+g.password(), "pä"+g.password()+"ß")
	case "pws": // inside single quotes
		return pick(g, g.password(), g.password()+`"`+g.of(lower, 2), g.password()+"#"+g.of(lower, 3), g.password()+" "+g.password())
	case "pwx":
		return html.EscapeString(pick(g, g.password(), g.password()+"&"+g.of(lower, 2), g.password()+"<"+g.of(numbers, 2)))
	case "pwp":
		return pick(g, g.password(), "ü"+g.password(), g.password()+"="+g.of(lower, 2))
	case "pwu":
		return url.QueryEscape(pick(g, g.password(), g.password()+"/"+g.of(lower, 2)))
	case "pwc":
		return pick(g, g.password(), g.password()+`\:`+g.of(lower, 2))
	}
	return g.other(strings.Trim(kind, "«»"))
}

// password is as people choose them, or as programs do.
func (g *generator) password() string {
	return pick(g,
		pick(g, things...)+g.of(numbers, 2+g.random.IntN(3)),
		strings.ToUpper(pick(g, names...)[:1])+pick(g, names...)[1:]+"!"+g.of(numbers, 2),
		pick(g, things...)+"-"+pick(g, names...)+"-"+g.of(numbers, 2),
		pick(g, "hunter2", "letmein", "qwerty123", "s3cr3t", "Passw0rd!", "dragon", "iloveyou", "trustno1", "Summer2024!", "welcome1"),
		g.of(letters+numbers, 8+g.random.IntN(16)),
		g.of(letters, 1)+g.of(letters+numbers+"!@%^*-_+", 10)+g.of(numbers, 2),
		g.of(numbers, 6+g.random.IntN(4)))
}

func (g *generator) token() string {
	return pick(g,
		g.of("0123456789abcdef", 32), g.of(letters+numbers, 40), g.of(letters+numbers+"_-", 42)+g.of(numbers, 2),
		"ghp_"+g.of(letters+numbers, 35)+g.of(numbers, 1), "glpat-"+g.of(letters+numbers, 19)+g.of(numbers, 1), "xoxb-"+g.of(numbers, 12)+"-"+g.of(letters+numbers, 24),
		g.uuid(), "sk_live_"+g.of(letters+numbers, 23)+g.of(numbers, 1))
}

func (g *generator) uuid() string {
	h := g.of("0123456789abcdef", 32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

func (g *generator) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(g.random.IntN(256))
	}
	return out
}

func (g *generator) other(kind string) string {
	b64 := base64.StdEncoding.EncodeToString
	switch kind {
	case "token":
		return g.token()
	case "hex":
		return g.of("0123456789abcdef", pick(g, 32, 40, 64))
	case "aws":
		return g.of(letters+numbers+"+", 38) + g.of(numbers, 2)
	case "akia":
		return "AKIA" + g.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 14) + g.of("234567", 2)
	case "b64":
		return b64(g.bytes(48))
	case "b64s":
		return strings.TrimRight(b64(g.bytes(20)), "=")
	case "basic":
		return b64([]byte(pick(g, names...) + ":" + g.password()))
	case "b64pw":
		return b64([]byte(g.password()))
	case "b64token":
		return b64([]byte(g.token()))
	case "b64user":
		return b64([]byte(pick(g, names...)))
	case "b64config":
		return b64([]byte(fmt.Sprintf("host: %s\nuser: %s\npassword: %s\n", pick(g, things...), pick(g, names...), g.of(letters+numbers, 12))))
	case "b64plain":
		return b64([]byte("this is a text of several words about the " + pick(g, things...) + " and nothing else\n"))
	case "b64binary":
		return b64(append([]byte{0x89, 'P', 'N', 'G', 0xff}, g.bytes(60)...))
	case "sha1":
		return hex.EncodeToString(g.bytes(20))
	case "sha256":
		return hex.EncodeToString(g.bytes(32))
	case "md5":
		return hex.EncodeToString(g.bytes(16))
	case "uuid":
		return g.uuid()
	case "salt":
		return g.of(letters+numbers, 8)
	case "crypt22":
		return g.of(letters+numbers+"./", 22)
	case "crypt86":
		return g.of(letters+numbers+"./", 86)
	case "bcrypt":
		return g.of(letters+numbers+"./", 53)
	case "user":
		return pick(g, names...)
	case "host":
		return pick(g, things...) + "." + pick(g, "golemtrust.am", "watch.am", "unseen.edu")
	case "word":
		return pick(g, things...)
	case "Word":
		w := pick(g, things...)
		return strings.ToUpper(w[:1]) + w[1:] + "Client"
	case "num":
		return fmt.Sprint(g.random.IntN(900) + 10)
	}
	panic("no kind " + kind)
}
