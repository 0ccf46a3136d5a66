//go:build lab

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/image"
	"rehome.dev/rehome/lab/labtest"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

func TestMain(m *testing.M) { labtest.Main(m) }

func newLab(t *testing.T) *part.Lab {
	t.Helper()
	lab, err := part.New(part.NewProgress(t.Output(), true))
	if err != nil {
		t.Fatal(err)
	}
	return lab
}

func kubectl(t *testing.T, lab *part.Lab, stdin []byte, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), lab, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hello deploys the test program in a namespace of its own and returns its name.
func hello(t *testing.T, lab *part.Lab) (namespace string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hello")
	if err := lab.GoBuild(t.Context(), "rehome.dev/rehome/lab/cluster/testdata/hello", program); err != nil {
		t.Fatal(err)
	}
	img, err := image.Build([]image.File{{Path: "/hello", Source: program, Mode: 0o755}},
		v1.Config{Entrypoint: []string{"/hello"}, User: "65532:65532"})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := cluster.Import(t.Context(), lab, img, "registry.golemtrust.am/lab/hello:test")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("testdata/hello.yaml")
	if err != nil {
		t.Fatal(err)
	}
	namespace = fmt.Sprintf("test-%d", time.Now().UnixNano())
	text := strings.NewReplacer("NAMESPACE", namespace, "IMAGE", ref).Replace(string(manifest))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := cluster.Kubectl(ctx, lab, nil, "delete", "namespace", namespace, "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, lab, []byte(text), "apply", "-f", "-")
	kubectl(t, lab, nil, "--namespace", namespace, "rollout", "status", "deployment/hello", "--timeout=60s")
	return namespace
}

func loadBalancerAddress(t *testing.T, lab *part.Lab, namespace string) string {
	t.Helper()
	var address string
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := part.Poll(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		out, err := cluster.Kubectl(ctx, lab, nil, "--namespace", namespace, "get", "service", "hello",
			"-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
		if address = out; err == nil && out == "" {
			err = errors.New("the Service has no address")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// ask returns who answers over a connection of its own.
func ask(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestDeploymentIsServedByALoadBalancer(t *testing.T) {
	lab := newLab(t)
	namespace := hello(t, lab)
	address := loadBalancerAddress(t, lab, namespace)
	if a, err := netip.ParseAddr(address); err != nil || a.Compare(network.LoadBalancerFirst) < 0 || a.Compare(network.LoadBalancerLast) > 0 {
		t.Fatalf("address %q is not of the pool", address)
	}
	pods := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := part.Poll(ctx, 20*time.Millisecond, func(ctx context.Context) error {
		pod, err := ask(ctx, address)
		if err == nil {
			pods[pod] = true
		}
		if len(pods) != 2 {
			return errors.Join(err, fmt.Errorf("answered so far: %v", pods))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("both pods should answer on %s: %v", address, err)
	}
	for pod := range pods {
		if logs := kubectl(t, lab, nil, "--namespace", namespace, "logs", pod); logs != "hello from "+pod+"\n" {
			t.Errorf("logs of %s: %q", pod, logs)
		}
	}

	kubectl(t, lab, nil, "--namespace", namespace, "patch", "service", "hello", "-p", `{"spec":{"type":"ClusterIP"}}`)
	err = part.Poll(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		if pod, err := ask(ctx, address); err == nil {
			return fmt.Errorf("%s still answers for %s", pod, address)
		}
		return nil
	})
	if err != nil {
		t.Errorf("a released address should be silent: %v", err)
	}
}

func TestAPIServerStopsAndComesBack(t *testing.T) {
	labtest.Alone(t)
	for name, interrupt := range map[string]func(testing.TB, string){
		"stopped": labtest.Stop, "killed": labtest.Kill, "frozen": labtest.Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			ready := labtest.Env(t).APIServer + "/readyz"
			t.Run("away", func(t *testing.T) {
				interrupt(t, "kube-apiserver")
				if err := part.Probe(t.Context(), "", ready); err == nil {
					t.Error("the API server still answers")
				}
			})
			if err := part.Probe(t.Context(), "", ready); err != nil {
				t.Errorf("the API server did not come back: %v", err)
			}
		})
	}
}
