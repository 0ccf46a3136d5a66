package vm

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
)

// carrier is the command that one session runs: it makes a directory of its own,
// takes the agent from its standard input, runs it with the rest, and removes
// the directory however it ends. sshd gives no signal to a session whose
// connection is lost, but closes its standard input: then the agent ends, and
// with it the command. One that does not is killed; what cannot be killed, by
// sudo another user's, has lost its directory all the same.
//
// The login's shell may be any, so the text is one line between single quotes,
// without quotes, exclamation marks and doubled backslashes; /bin/sh reads it.
type carrier struct {
	token string // begins every line that is meant for this program
	verb  string // what the agent is to do
	size  int    // of the agent, in bytes
	sudo  bool
	ask   bool // somebody can be asked for sudo's password
}

func newCarrier(verb string, size int, sudo, ask bool) carrier {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // it never fails
	return carrier{verb: verb, token: "rehome-" + hex.EncodeToString(b), size: size, sudo: sudo, ask: ask}
}

// What the command says on its standard output, behind the token.
const (
	saidSend    = "send"    // the directory is there: send the agent
	saidReady   = "ready"   // the agent begins: send the request
	saidNowhere = "nowhere" // there is no directory to run it in
	saidShort   = "short"   // the disk did not take it
)

const script = `
umask 077;
d=;
clean() { cd /; if [ -n "$d" ]; then rm -rf "$d"; fi; };
trap clean EXIT;
trap "exit 129" HUP;
trap "exit 130" INT;
trap "exit 143" TERM;
for t in /tmp /var/tmp "${HOME:-/nowhere}"; do
  d="$t/.TOKEN";
  f="$d/rehome-agent";
  if mkdir "$d" 2>/dev/null; then
    if echo "exit 0" >"$f" && chmod 700 "$f" && "$f"; then break; fi 2>/dev/null;
    clean;
  fi;
  d=;
done;
if [ -z "$d" ]; then echo TOKEN nowhere; exit 73; fi;
echo TOKEN send "$d";
head -c SIZE >"$f";
if [ "$(wc -c <"$f")" -ne SIZE ]; then echo TOKEN short; exit 74; fi;
mkfifo "$d/in" || exit 75;
set --;
SUDO
exec 3<&0;
"$@" /bin/sh -c "echo TOKEN ready; exec \"\$0\" VERB" "$f" <"$d/in" 3<&- & p=$! ;
{ cat <&3 >"$d/in"; sleep 3; kill "$$"; } >/dev/null 2>&1 & w=$! ;
stop() { kill "$p" && sleep 1 && kill -9 "$p"; exit "$1"; } 2>/dev/null;
trap "stop 129" HUP;
trap "stop 130" INT;
trap "stop 143" TERM;
wait "$p";
r=$?;
kill "$w";
exit "$r"`

// asRoot has the agent run by sudo where the login is not root's already.
const asRoot = `if [ "$(id -u)" -ne 0 ]; then set -- HOW --; fi;`

// command is what the session runs.
func (c carrier) command() string {
	how, sudo := "sudo -n", ""
	if c.ask {
		how = "sudo -S -p " + c.prompt()
	}
	if c.sudo {
		sudo = strings.ReplaceAll(asRoot, "HOW", how)
	}
	text := strings.NewReplacer("SUDO", sudo, "TOKEN", c.token, "VERB", c.verb, "SIZE", strconv.Itoa(c.size)).Replace(script)
	return "exec /bin/sh -c '" + strings.Join(strings.Fields(text), " ") + "'"
}

// prompt is what sudo writes on standard error when it wants a password.
func (c carrier) prompt() string { return c.token + "-password:" }

// heard is what a line of standard output says to this program: a word, and what
// follows it. Something that a login prints without a line's end may stand before.
func (c carrier) heard(line string) (word, rest string, ok bool) {
	_, after, ok := strings.Cut(line, c.token+" ")
	if !ok {
		return "", "", false
	}
	word, rest, _ = strings.Cut(strings.TrimSpace(after), " ")
	return word, rest, true
}
