//go:build lab

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
	skipper "rehome.dev/rehome/lab/ingress"
)

// A whole exposure through a real ingress controller: applied, published, reached by
// its name and by no other, left alone by a rollback, and removed.
func TestIngress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // the first one builds the controller
	defer cancel()
	controller, err := skipper.Start(ctx, w.lab, w.namespace)
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	go func() { published <- controller.Publish(ctx) }()
	spec := w.spec()
	spec.Target.Exposure = migration.ExposeIngress
	spec.Target.Ingress = migration.Ingress{Class: skipper.Class, TLSSecret: "certificate"}
	spec.Names = []migration.Name{{Name: "bank.golemtrust.am.", Workload: "app"}}
	spec.OldEntry = migration.OldEntry{Addresses: []string{"192.0.2.20"}, Port: 8080}
	c := w.connect(nil)
	for _, part := range []migration.Part{migration.PartWorkload, migration.PartExposure} {
		a := migration.Apply{Env: migration.Production, Part: part, Workload: "app", Digest: spec.PartDigest(migration.Production, part, "app")}
		if out, err := c.Apply(ctx, spec, a); out != migration.OutcomeDone {
			t.Fatal(part, out, err)
		}
	}
	var e migration.ExposureFacts
	look := func() migration.ClusterFacts {
		f, err := c.Observe(ctx, spec, migration.Production)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	w.eventually(func() error {
		f := look()
		if len(f.Exposures) != 1 || len(f.Exposures[0].Addresses) != 1 || !f.Workloads[0].RolledOut {
			return fmt.Errorf("%+v %+v", f.Exposures, f.Workloads)
		}
		e = f.Exposures[0]
		return nil
	})
	if e.Kind != "Ingress" || e.Addresses[0] != controller.Address() || e.Port != 8080 || e.ReadyNew != 2 {
		t.Errorf("exposure %+v, the controller is at %s", e, controller.Address())
	}
	w.eventually(func() error {
		who, err := askAs(ctx, e, "bank.golemtrust.am")
		if err != nil || !strings.HasPrefix(who, "app-") {
			return fmt.Errorf("%q, %v", who, err)
		}
		return nil
	})
	if who, err := askAs(ctx, e, "elsewhere.golemtrust.am"); err == nil {
		t.Errorf("another name is answered by %q", who)
	}
	if routes := look().Routes; slices.ContainsFunc(routes, func(r migration.RouteFacts) bool { return r.Name == "app" }) {
		t.Errorf("our own Ingress is another route: %+v", routes)
	}

	if out, err := c.Scale(ctx, spec, migration.Scale{Env: migration.Production, Workload: "app"}); out != migration.OutcomeDone {
		t.Fatal(out, err)
	}
	w.eventually(func() error {
		f := look()
		if len(f.Workloads[0].Pods) > 0 {
			return errors.New("the pods have not ended")
		}
		if len(f.Exposures) != 1 || f.Exposures[0].Addresses[0] != controller.Address() {
			t.Errorf("a rollback took the way in: %+v", f.Exposures)
		}
		return nil
	})
	if out, err := c.Remove(ctx, spec, migration.Remove{Env: migration.Production, Part: migration.PartExposure, Workload: "app"}); out != migration.OutcomeDone {
		t.Fatal(out, err)
	}
	if f := look(); len(f.Exposures) > 0 {
		t.Errorf("left: %+v", f.Exposures)
	}
	cancel()
	if err := <-published; err != nil {
		t.Error(err)
	}
}

// askAs asks an exposure under a name, and says which pod answered.
func askAs(ctx context.Context, e migration.ExposureFacts, host string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/", e.Addresses[0], e.Port), nil)
	if err != nil {
		return "", err
	}
	req.Host, req.Close = host, true
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(resp.Status)
	}
	var who struct{ Instance string }
	return who.Instance, json.NewDecoder(resp.Body).Decode(&who)
}
