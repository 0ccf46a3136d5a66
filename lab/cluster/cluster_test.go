package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func testLab(t *testing.T) *part.Lab {
	t.Helper()
	dir := t.TempDir()
	return &part.Lab{
		Dirs:     part.Dirs{Cache: filepath.Join(dir, "cache"), Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state")},
		Progress: part.NewProgress(t.Output(), true),
	}
}

// The cache is keyed by Version, so it must be the one that is built.
func TestVersionIsTheOneThatIsBuilt(t *testing.T) {
	mod, err := os.ReadFile("../kubernetes/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\tk8s.io/kubernetes "+Version+" ") {
		t.Errorf("lab/kubernetes/go.mod does not require %s", Version)
	}
	for _, name := range components {
		if !strings.Contains(string(mod), "\tk8s.io/kubernetes/cmd/"+name+"\n") {
			t.Errorf("lab/kubernetes/go.mod does not build %s", name)
		}
	}
}

func TestCredentialsHoldTogether(t *testing.T) {
	lab := testLab(t)
	p := pathsOf(lab)
	if err := writeCredentials(lab, p); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(p.pki, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	verify := func(cert *x509.Certificate, host string, usage x509.ExtKeyUsage) {
		t.Helper()
		options := x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := cert.Verify(options); err != nil {
			t.Errorf("%s for %q: %v", cert.Subject, host, err)
		}
		if left := time.Until(cert.NotAfter); left > lifetime {
			t.Errorf("%s is valid for %s", cert.Subject, left)
		}
	}
	pair := func(name string) *x509.Certificate {
		t.Helper()
		loaded, err := tls.LoadX509KeyPair(filepath.Join(p.pki, name+".crt"), filepath.Join(p.pki, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return loaded.Leaf
	}
	for _, host := range []string{network.Node.Address.String(), "10.79.0.1", "127.0.0.1", "kubernetes.default.svc"} {
		verify(pair("kube-apiserver"), host, x509.ExtKeyUsageServerAuth)
	}
	verify(pair("kubelet-serving"), network.Node.Address.String(), x509.ExtKeyUsageServerAuth)
	verify(pair("apiserver-kubelet"), "", x509.ExtKeyUsageClientAuth)

	config, err := clientcmd.BuildConfigFromFlags("", Kubeconfig(lab))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	verify(admin.Leaf, "", x509.ExtKeyUsageClientAuth)
	if got := admin.Leaf.Subject.Organization; config.Host != "https://10.77.0.10:6443" || !slices.Equal(got, []string{"system:masters"}) {
		t.Errorf("%s as %v", config.Host, got)
	}
}

func TestCredentialsAreKeptAndPrivate(t *testing.T) {
	lab := testLab(t)
	p := pathsOf(lab)
	if err := writeCredentials(lab, p); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(Kubeconfig(lab))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeCredentials(lab, p); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(Kubeconfig(lab)); string(after) != string(before) {
		t.Error("a second call made new credentials, which the running servers do not know")
	}
	filepath.WalkDir(lab.Dirs.Run, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, _ := os.ReadFile(path)
		info, _ := d.Info()
		secret := strings.Contains(string(data), "PRIVATE KEY") || strings.Contains(string(data), "client-key-data")
		if secret && info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds a key and has mode %v", path, info.Mode())
		}
		return nil
	})
}

// A process outside the namespace of the node would be reachable from outside
// and could reach out.
func TestEveryProcessLivesOnTheNode(t *testing.T) {
	lab := testLab(t)
	for _, wave := range processes(lab, pathsOf(lab)) {
		for _, p := range wave {
			if p.Netns != network.Node.Netns {
				t.Errorf("%s runs in %q", p.Name, p.Netns)
			}
		}
	}
}

func TestNothingIsWrittenOutsideTheLab(t *testing.T) {
	lab := testLab(t)
	p := pathsOf(lab)
	toml, err := containerdConfig(lab, p)
	if err != nil {
		t.Fatal(err)
	}
	kubelet, err := json.Marshal(kubeletConfig(lab, p))
	if err != nil {
		t.Fatal(err)
	}
	cni, err := json.Marshal(cniConfig(lab))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(toml), string(kubelet), string(cni)} {
		for _, field := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\"= ,\n", r) }) {
			path := strings.TrimPrefix(field, "unix://")
			program := path == "/usr/lib/cni" || path == "/"+cgroupName
			if strings.HasPrefix(path, "/") && !program && !strings.HasPrefix(path, lab.Dirs.Run) && !strings.HasPrefix(path, lab.Dirs.State) {
				t.Errorf("names %s", path)
			}
		}
	}
}

func TestIsShimOf(t *testing.T) {
	const socket = "/run/rehome-lab/containerd/containerd.sock"
	for _, tc := range []struct {
		argv string
		want bool
	}{
		{"/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id x -address " + socket, true},
		{"/usr/bin/containerd-shim-runc-v2 -namespace moby -id x -address /run/containerd/containerd.sock", false},
		{"/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -address", false},
		{"vim " + socket, false},
		{"grep -address " + socket, false},
		{"", false},
	} {
		if got := isShimOf(strings.Split(tc.argv, " "), socket); got != tc.want {
			t.Errorf("%q: %v", tc.argv, got)
		}
	}
}

func TestRepositoryOf(t *testing.T) {
	for name, want := range map[string]string{
		"registry.golemtrust.am/royal-bank-api:v1-good": "registry.golemtrust.am/royal-bank-api",
		"registry.golemtrust.am:5000/a/b:v1":            "registry.golemtrust.am:5000/a/b",
		"registry.golemtrust.am:5000/a/b":               "registry.golemtrust.am:5000/a/b",
	} {
		if got := repositoryOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestBuildIsCountedAndItsErrorKept(t *testing.T) {
	const script = `echo "go: downloading k8s.io/api v0.36.3"; echo k8s.io/api/core/v1; echo k8s.io/klog/v2
		test "$0" = good || { echo "# k8s.io/klog/v2"; echo "klog.go:1:1: syntax error"; exit 1; }`
	var compiled atomic.Int64
	run := func(how string) error {
		return counted(exec.Command("sh", "-c", "exec 1>&2; "+script, how), &compiled)
	}
	if err := run("good"); err != nil || compiled.Load() != 2 {
		t.Errorf("%d packages, %v", compiled.Load(), err)
	}
	if err := run("bad"); err == nil || !strings.Contains(err.Error(), "klog.go:1:1: syntax error") {
		t.Errorf("got %v", err)
	}
}
