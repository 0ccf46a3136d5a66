package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

func TestHosts(t *testing.T) {
	w := newWorld(t, map[string]string{"/etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1 bank-vm.golemtrust.am bank-vm\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n" +
		"192.0.2.10 bank-vm\n192.0.2.20 db.golemtrust.am db # the database\n127.0.0.1 mail.golemtrust.am\n192.0.2.30 queue\nnonsense x\n"})
	w.collector.interfaces = func() ([]inventory.Interface, error) {
		return []inventory.Interface{{Name: "eth0", Addresses: []string{"192.0.2.10/24"}}}, nil
	}
	w.facts.Peers = []inventory.Peer{{Address: "192.0.2.20"}, {Address: "127.0.0.1"}, {Address: "2001:db8::1", Name: "queue"}}
	var got []string
	for _, e := range w.finish().Host.Hosts {
		got = append(got, fmt.Sprint(e.Address, " ", e.Names, " ", e.Used))
	}
	compare(t, strings.Join(got, "\n"), "192.0.2.20 [db.golemtrust.am db] true", "127.0.0.1 [mail.golemtrust.am] false", "192.0.2.30 [queue] true")
}

func TestMulticasts(t *testing.T) {
	files := map[string]string{
		"/proc/100/net/igmp":  "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n2\teth0      :     3      V3\n\t\t\t\t030201EF     1 0:00000000\t\t0\n\t\t\t\tFB0000E0     1 0:0\t\t0\n",
		"/proc/100/net/igmp6": "1    lo              ff020000000000000000000000000001     1 0000000C 0\n2    eth0            ff0200000000000000000001ff000001     1 00000004 0\n2    eth0            ff0e0000000000000000000000001234     1 00000004 0\n",
	}
	w := newWorld(t, files)
	if got := w.finish().Host.Multicasts; !slices.Equal(got, []string{"239.1.2.3 on eth0", "ff0e::1234 on eth0"}) {
		t.Errorf("%q", got)
	}
	w = newWorld(t, files)
	w.facts.Listeners = []inventory.Listener{{Protocol: "udp", Port: 5353}}
	if got := w.finish().Host.Multicasts; !slices.Contains(got, "224.0.0.251 on eth0") {
		t.Errorf("%q: the application listens to it itself", got)
	}
}

// A real membership of a real socket.
func TestTheRealMulticastGroup(t *testing.T) {
	group := &net.UDPAddr{IP: net.IPv4(239, 77, 1, 2), Port: 0}
	cards, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for i := range cards {
		if cards[i].Flags&net.FlagMulticast == 0 || cards[i].Flags&net.FlagUp == 0 {
			continue
		}
		c, err := net.ListenMulticastUDP("udp4", &cards[i], group)
		if err != nil {
			continue
		}
		defer c.Close()
		text, err := readBounded("/proc/self/net/igmp")
		if err != nil {
			t.Fatal(err)
		}
		if got := igmp4(text); !slices.Contains(got, "239.77.1.2 on "+cards[i].Name) {
			t.Errorf("%q", got)
		}
		return
	}
	t.Log("this machine has no card for multicast; the fixture has to do")
}

const mounted = `22 27 0:21 / /proc rw,relatime - proc proc rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
30 27 8:17 / /srv/data rw,noatime - xfs /dev/sdb1 rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
31 27 0:40 / /srv/share ro,relatime - nfs4 filer:/bank rw,vers=4.2,hard
32 27 0:41 / /srv/win\040dows rw - cifs //bank:` + canary + `@filer/x rw,username=bank,password=` + canary + `
33 27 0:42 / /unused rw - nfs4 filer:/other rw
34 27 0:43 / /srv/auto rw - autofs auto rw
35 27 254:1 /x /srv/bind rw - ext4 /dev/vda1 rw
36 30 0:44 / /srv/data rw - tmpfs tmpfs rw,size=10k
`

func TestMounts(t *testing.T) {
	w := newWorld(t, map[string]string{"/proc/100/mountinfo": mounted})
	asked := []string{}
	w.collector.usage = func(_ context.Context, point string) (int64, int64, error) {
		asked = append(asked, strings.TrimPrefix(point, w.root))
		if strings.HasSuffix(point, "/srv/share") {
			return 0, 0, errors.New("it did not answer in time")
		}
		return 100, 40, nil
	}
	for _, p := range []string{"/srv/data/a", "/srv/share/x/y", "/srv/win dows/z", "/srv/auto/k", "/opt/bank/bank", "/srv/bind/q", "/proc/1/stat", "/srv/shared/not"} {
		w.facts.Files = append(w.facts.Files, inventory.File{Path: p, Class: inventory.FileData})
	}
	w.facts.Files = append(w.facts.Files, inventory.File{Path: "/dev/sdc", Class: inventory.FileDevice, Written: true}, inventory.File{Path: "/dev/null", Class: inventory.FileDevice})
	var got []string
	for _, m := range w.finish().Mounts {
		got = append(got, fmt.Sprintf("%s %s %s network=%t block=%t ro=%t %d %v", m.Point, m.Source, m.FSType, m.Network, m.Block, m.ReadOnly, m.Size, m.Options))
	}
	compare(t, strings.Join(got, "\n"),
		"/ /dev/vda1 ext4 network=false block=false ro=false 100 [rw relatime discard]",
		"/dev/sdc /dev/sdc raw network=false block=true ro=false 0 []",
		"/srv/auto auto autofs network=false block=false ro=false 0 [rw]",
		"/srv/bind /dev/vda1 ext4 network=false block=false ro=false 100 [rw]",
		"/srv/data tmpfs tmpfs network=false block=false ro=false 100 [rw size=10k]",
		"/srv/share filer:/bank nfs4 network=true block=false ro=true 0 [ro relatime rw vers=4.2 hard]",
		"/srv/win dows //[redacted]@filer/x cifs network=true block=false ro=false 100 [rw username=bank password=[redacted]]")
	if slices.Contains(asked, "/srv/auto") || slices.Contains(asked, "/unused") {
		t.Errorf("asked %q: an automounter must not be woken, and what is not used is not asked", asked)
	}
	if g := w.gaps(); !strings.Contains(g, "mounts /srv/share: does not say how full it is: it did not answer in time") {
		t.Errorf("gaps %s", g)
	}
}

func TestADeviceOfItsOwn(t *testing.T) {
	all := mountInfo(mounted)
	if i := slices.IndexFunc(all, func(m inventory.Mount) bool { return m.Source == "/dev/sdb1" }); !all[i].Block {
		t.Errorf("%+v", all[i])
	}
}
