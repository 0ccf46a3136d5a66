package loadbalancer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var three = pool{netip.MustParseAddr("10.77.0.200"), netip.MustParseAddr("10.77.0.202")}

// svc reads "name", "name=10.77.0.200" or "-name=10.77.0.200" for one that wants none.
func svc(text string) service {
	name, addr, has := strings.Cut(text, "=")
	s := service{namespace: "ns", wanted: !strings.HasPrefix(name, "-"), name: strings.TrimPrefix(name, "-")}
	if has {
		a, _ := netip.ParseAddr(addr)
		s.ingress = []netip.Addr{a}
	}
	return s
}

func show(a assignment) string {
	var out []string
	for key, addr := range a.addresses {
		out = append(out, fmt.Sprintf("%s %s", strings.TrimPrefix(key, "ns/"), addr))
	}
	slices.Sort(out)
	for _, key := range a.starved {
		out = append(out, "starved "+strings.TrimPrefix(key, "ns/"))
	}
	return strings.Join(out, ", ")
}

func TestAssign(t *testing.T) {
	for _, tc := range []struct{ name, services, want string }{
		{"none", "", ""},
		{"by name, whatever the order of the list", "b a", "a 10.77.0.200, b 10.77.0.201"},
		{"keeps what was announced", "a b=10.77.0.200", "a 10.77.0.201, b 10.77.0.200"},
		{"fills the gap", "a=10.77.0.200 b c=10.77.0.202", "a 10.77.0.200, b 10.77.0.201, c 10.77.0.202"},
		{"one that is no load balancer gets none and blocks none", "-a=10.77.0.200 b", "b 10.77.0.200"},
		{"two with one address: the first by name keeps it", "b=10.77.0.201 a=10.77.0.201", "a 10.77.0.201, b 10.77.0.200"},
		{"an address of somebody else is replaced", "a=192.0.2.1", "a 10.77.0.200"},
		{"a host name is replaced", "a=lb.example", "a 10.77.0.200"},
		{"the pool runs dry", "a b c d e=10.77.0.201", "a 10.77.0.200, b 10.77.0.202, e 10.77.0.201, starved c, starved d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var services []service
			for _, text := range strings.Fields(tc.services) {
				services = append(services, svc(text))
			}
			if got := show(assign(services, three)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestDifferenceTouchesOnlyThePool(t *testing.T) {
	have := []netip.Addr{netip.MustParseAddr("10.77.0.10"), netip.MustParseAddr("10.77.0.200"), netip.MustParseAddr("10.77.0.202")}
	want := assign([]service{svc("a=10.77.0.202"), svc("b=10.77.0.201")}, three)
	add, remove := difference(have, want, three)
	if fmt.Sprint(add, remove) != "[10.77.0.201] [10.77.0.200]" {
		t.Errorf("add %v, remove %v", add, remove)
	}
}

func TestReadService(t *testing.T) {
	object := func(kind, class string, deleted bool) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"namespace": "ns", "name": "a"},
			"spec":     map[string]any{"type": kind},
			"status": map[string]any{"loadBalancer": map[string]any{"ingress": []any{
				map[string]any{"ip": "10.77.0.200"}, map[string]any{"hostname": "lb.example"},
			}}},
		}}
		if class != "" {
			unstructured.SetNestedField(u.Object, class, "spec", "loadBalancerClass")
		}
		if deleted {
			unstructured.SetNestedField(u.Object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp")
		}
		return u
	}
	for _, tc := range []struct {
		kind, class string
		deleted     bool
		wanted      bool
	}{
		{"LoadBalancer", "", false, true},
		{"LoadBalancer", "example.com/other", false, false},
		{"LoadBalancer", "", true, false},
		{"ClusterIP", "", false, false},
	} {
		s := read(object(tc.kind, tc.class, tc.deleted))
		if s.wanted != tc.wanted || s.key() != "ns/a" {
			t.Errorf("%+v: read as %+v", tc, s)
		}
		if len(s.ingress) != 2 || s.ingress[0] != three.first || s.ingress[1].IsValid() {
			t.Errorf("ingress read as %v", s.ingress)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	got, err := parseAddresses([]byte(`[{"ifname":"eth0","addr_info":[{"family":"inet","local":"10.77.0.10","prefixlen":24},{"local":"10.77.0.200","prefixlen":32}]}]`))
	if err != nil || fmt.Sprint(got) != "[10.77.0.10 10.77.0.200]" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseAddresses([]byte("Device does not exist")); err == nil {
		t.Error("nonsense was read")
	}
}
