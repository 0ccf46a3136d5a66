package render

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"rehome.dev/rehome/internal/manifest"
	"rehome.dev/rehome/internal/migration"
)

// Headroom is one resource of one quota, and what everything that was rendered for
// the namespace asks of it at the most (manifest.Headroom).
type Headroom struct {
	Namespace string `json:"namespace"`
	Quota     string `json:"quota"`
	Resource  string `json:"resource"`
	Need      string `json:"need"`
	Left      string `json:"left"` // what is not used now
	Fits      bool   `json:"fits"`
	Text      string `json:"text"`
}

// Weigh takes in what the quotas of an environment leave, where they have been
// compared with what was rendered (manifest.Headroom). What is too little blocks.
func (r *Result) Weigh(env migration.Env, quotas []migration.QuotaFacts) {
	for _, q := range quotas {
		if q.Need == "" && q.Lacks == "" {
			continue // it counts only some pods
		}
		h := Headroom{Namespace: r.Spec.Namespace(env), Quota: q.Quota, Resource: q.Resource, Need: q.Need, Left: q.Left, Fits: q.Lacks == ""}
		h.Text = cmp.Or(q.Lacks, manifest.RoomText(q))
		r.Quota = append(r.Quota, h)
		if !h.Fits {
			r.Notes = append(r.Notes, Note{Code: migration.CodeQuota, Text: "in " + h.Namespace + " " + h.Text, Blocks: true})
		}
	}
}

// Unweighed notes that the quotas of an environment could not be seen.
func (r *Result) Unweighed(env migration.Env, why error) {
	r.Notes = append(r.Notes, Note{Code: migration.CodeQuota, Blocks: true,
		Text: fmt.Sprintf("what the quotas of %s leave is unknown: %v", r.Spec.Namespace(env), why)})
}

func bytesText(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }

func milliText(n int64) string { return resource.NewMilliQuantity(n, resource.DecimalSI).String() }
