package render

import (
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

// The most at once: every pod of the scaler, the surge of the update, each job.
func TestHeadroom(t *testing.T) {
	spec := bank(func(s *migration.Spec, w *migration.Workload) {
		w.Autoscale = &migration.Autoscale{Min: 2, Max: 8, CPUPercent: 70}
		w.Resources = migration.Resources{CPURequestMilli: 250, MemoryRequestBytes: 128 << 20, MemoryLimitBytes: 128 << 20}
		s.Workloads = []migration.Workload{{
			Name: "store", Image: image, Kind: migration.KindStatefulSet, Replicas: 2, Storage: []migration.Storage{{Name: "d", Path: "/d", SizeBytes: 10 << 30}},
			Resources: migration.Resources{CPURequestMilli: 1000, MemoryLimitBytes: 1 << 30},
		}}
		s.Schedules = []migration.Schedule{{Name: "a.timer", Owner: migration.OwnerCluster, When: "@daily", Command: []string{"/a"}}}
	})
	for _, c := range []struct {
		resource, used, hard string
		need                 string
		fits                 bool
		text                 string
	}{
		{"pods", "0", "12", "12", true, ""}, // 8 + 1 surge, 2, 1 job
		{"count/pods", "1", "12", "12", false, "quota q leaves 11 of count/pods, and 12 are needed at the most"},
		{"requests.cpu", "0", "4500m", "4500m", true, ""}, // 10 × 250m and 2 × 1
		{"cpu", "100m", "4500m", "4500m", false, ""},
		{"limits.memory", "0", "4Gi", "3328Mi", true, ""}, // 10 × 128Mi and 2 × 1Gi
		{"requests.memory", "0", "3Gi", "3328Mi", false, ""},
		{"limits.cpu", "0", "100", "0", false, "which royal-bank-api, royal-bank-api-a, store does not set: its pods would be refused"},
		{"persistentvolumeclaims", "0", "2", "2", true, ""},
		{"requests.storage", "0", "19Gi", "20Gi", false, ""},
		{"services", "0", "2", "2", true, ""},
		{"services.loadbalancers", "0", "0", "1", false, ""},
		{"count/deployments.apps", "0", "1", "1", true, ""},
		{"count/secrets", "9", "9", "0", true, ""},
		{"pods", "many", "12", "", false, "which is no amount"},
	} {
		r, err := Render(Input{Spec: spec, Quotas: []migration.QuotaFacts{{Quota: "q", Resource: c.resource, Used: c.used, Hard: c.hard}}})
		if err != nil {
			t.Fatal(err)
		}
		h := r.Quota[0]
		if h.Need != c.need || h.Fits != c.fits || !strings.Contains(h.Text, c.text) {
			t.Errorf("%s: %+v", c.resource, h)
		}
		if noted(r, "QUOTA: ") == h.Fits {
			t.Errorf("%s: notes %+v", c.resource, r.Notes)
		}
	}
}
