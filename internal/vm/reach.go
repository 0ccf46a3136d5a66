package vm

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

// Reach is the way to a machine: this one, or one over ssh.
type Reach struct {
	Local bool
	User  string // "" is the settings', or the user of this process
	Host  string // a name or an address; an IPv6 address without brackets
	Port  int
}

// sshPort is where sshd listens unless somebody says otherwise.
const sshPort = 22

// ParseReach reads local, or ssh://[user@]host[:port]. A password has no place in
// it, and neither has a path.
func ParseReach(text string) (Reach, error) {
	if text == "local" {
		return Reach{Local: true}, nil
	}
	const want = "write ssh://user@host:port, or local"
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Reach{}, fmt.Errorf("%q is no way to a machine: %s", text, want)
	}
	if !strings.HasPrefix(text, "ssh://") {
		return Reach{}, fmt.Errorf("%q is no way to a machine: %s", withoutPassword(text), want)
	}
	u, err := url.Parse(text)
	if err != nil {
		return Reach{}, fmt.Errorf("%q is no way to a machine: %w: %s", withoutPassword(text), plainURLError(err), want)
	}
	if _, set := u.User.Password(); set {
		return Reach{}, fmt.Errorf("%q holds a password: leave it out, it is asked for", withoutPassword(text))
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return Reach{}, fmt.Errorf("%q says more than a machine: %s", withoutPassword(text), want)
	}
	r := Reach{User: u.User.Username(), Host: u.Hostname(), Port: sshPort}
	if r.Host == "" || strings.HasPrefix(r.Host, "-") || strings.HasPrefix(r.User, "-") {
		return Reach{}, fmt.Errorf("%q names no machine: %s", text, want)
	}
	if p := u.Port(); p != "" {
		if r.Port, err = strconv.Atoi(p); err != nil || r.Port < 1 || r.Port > 65535 {
			return Reach{}, fmt.Errorf("%q has a port that is none: %s", text, want)
		}
	}
	return r, nil
}

// plainURLError leaves out the text that url.Parse repeats.
func plainURLError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// withoutPassword is a text that may hold user:password@, without the password.
func withoutPassword(text string) string {
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return text
	}
	head, begins := text[:at], 0
	if i := strings.Index(head, "://"); i >= 0 {
		begins = i + 3
	}
	if colon := strings.Index(head[begins:], ":"); colon >= 0 {
		return head[:begins+colon] + text[at:]
	}
	return text
}

// ReachOf is how a migration's machine is reached: as it says, or by its host name.
func ReachOf(m migration.VM) (Reach, error) {
	if m.Reach != "" {
		return ParseReach(m.Reach)
	}
	host := m.Host
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return ParseReach("ssh://" + host)
}

// Address is what is dialled: host:port.
func (r Reach) Address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// String is the reach as a person writes it.
func (r Reach) String() string {
	if r.Local {
		return "local"
	}
	u := url.URL{Scheme: "ssh", Host: r.Host}
	if strings.Contains(r.Host, ":") {
		u.Host = "[" + r.Host + "]"
	}
	if r.Port != sshPort {
		u.Host = r.Address()
	}
	if r.User != "" {
		u.User = url.User(r.User)
	}
	return u.String()
}

// title names the machine in errors and questions: user@host.
func (r Reach) title() string {
	if r.Local {
		return "this machine"
	}
	t := r.Host
	if r.Port != sshPort {
		t = r.Address()
	}
	if r.User != "" {
		t = r.User + "@" + t
	}
	return t
}
