package network

import (
	"net/netip"
	"slices"
	"testing"

	"rehome.dev/rehome/internal/collect/descriptor"
	"rehome.dev/rehome/internal/collect/scope"
	"rehome.dev/rehome/internal/inventory"
)

func TestRows(t *testing.T) {
	rows := parse([]byte(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   108        0 23456 1 0000000000000000 100 0 0 10 0
`), "tcp", nil)
	rows = parse([]byte(`   1: 0000000000000000FFFF00000100007F:1F90 B80D0120000000000000000001000000:C350 01 00000000:00000000 02:000AFA6E 00000000  1000        0 9 2 0 0
   2: 00:1F90
`), "tcp6", rows)
	want := []row{
		{"tcp", netip.MustParseAddrPort("127.0.0.1:5432"), netip.MustParseAddrPort("0.0.0.0:0"), listen, 23456},
		{"tcp6", netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("[2001:db8::1]:50000"), established, 9},
	}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("read as %+v, want %+v", rows, want)
	}
}

func TestOwnAddresses(t *testing.T) {
	got := parseTrie([]byte(`Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
     |-- 10.77.0.20
        /32 host LOCAL
     |-- 10.77.0.255
        /32 link BROADCAST
`))
	if len(got) != 1 || got[0] != netip.MustParseAddr("10.77.0.20") {
		t.Errorf("own addresses are %v", got)
	}
	if a, ok := parseInet6([]byte("fe80000000000000020c29fffe000001 02 40 20 80 eth0\n")); !ok || a != netip.MustParseAddr("fe80::20c:29ff:fe00:1") {
		t.Errorf("read as %v", a)
	}
}

func TestMulticastGroups(t *testing.T) {
	got := parseIGMP([]byte("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n2\teth0      :     2      V3\n\t\t\t\t0A0000E4     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"))
	if len(got) != 1 || got[0] != netip.MustParseAddr("228.0.0.10") {
		t.Errorf("groups are %v", got)
	}
}

func TestNamesOfHosts(t *testing.T) {
	got := parseHosts([]byte("# all\n10.77.0.5 db.golemtrust.am db # old\n10.77.0.5 other\n::1 localhost\nnonsense\n"))
	if got[netip.MustParseAddr("10.77.0.5")] != "db.golemtrust.am" || len(got) != 2 {
		t.Errorf("read as %v", got)
	}
}

func TestCrowdOfCallers(t *testing.T) {
	c, s := New(), &scope.Scope{Root: t.TempDir(), Gaps: &scope.Gaps{}}
	for i := range 3000 {
		for _, direction := range []inventory.Direction{inventory.Accepted, inventory.Dialled} {
			addr := netip.AddrFrom4([4]byte{198, 51, byte(i / 256), byte(i)})
			c.peer(s, peerKey{direction: direction, protocol: "tcp", addr: addr, port: 443}).count++
		}
	}
	var f inventory.Facts
	c.tellPeers(t.Context(), s, &f)
	i := slices.IndexFunc(f.Peers, func(p inventory.Peer) bool { return p.Address == "*" })
	if len(f.Peers) != mostCallers+1+3000 || i < 0 || f.Peers[i].Count != 1000 || len(s.Gaps.List()) > 0 {
		t.Errorf("3000 callers and 3000 peers are told as %d; gaps %v", len(f.Peers), s.Gaps.List())
	}
	for i := range mostPeers {
		c.peer(s, peerKey{direction: inventory.Dialled, protocol: "tcp", addr: netip.AddrFrom4([4]byte{203, 0, byte(i / 256), byte(i)}), port: 443})
	}
	if len(s.Gaps.List()) != 1 {
		t.Error("peers that are left out are no gap")
	}
}

func TestRecognise(t *testing.T) {
	for _, tt := range []struct {
		process, socket string
		port            int
		want            string
	}{
		{"postgres", "", 6379, "postgresql"}, // a port may be anybody's
		{"", "/run/postgresql/.s.PGSQL.5432", 0, "postgresql"},
		{"", "/run/mysqld/mysqld.sock", 0, "mysql"},
		{"", "", 5672, "rabbitmq"},
		{"bank", "/run/bank.sock", 8080, ""},
		{"", "", 0, ""},
	} {
		if got, _ := recognise(tt.process, tt.socket, tt.port); got.kind != tt.want {
			t.Errorf("%+v is recognised as %q", tt, got.kind)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add([]byte("   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   108        0 23456 1\n"))
	f.Add([]byte("   1: 0000000000000000FFFF00000100007F:1F90 B80D0120000000000000000001000000:C350 01 0:0 02:0 0  1000        0 9 2 0 0\n"))
	f.Add([]byte("\t\t0A0000E4     1\n|-- 10.0.0.1\n /32 host LOCAL\nfe80000000000000020c29fffe000001 02\n10.0.0.1 a b\nnameserver 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range parse(data, "tcp", nil) {
			if !r.local.IsValid() || !r.remote.IsValid() {
				t.Errorf("%+v has no addresses", r)
			}
		}
		parseIGMP(data)
		parseTrie(data)
		parseHosts(data)
		parseInet6(data)
		diagRow(data)
		hasServer(data)
		descriptor.ParseUnix(data)
	})
}
