package clustertest

import (
	"fmt"
	"slices"
	"strings"

	"rehome.dev/rehome/internal/migration"
)

func delivered(b *bench) {
	b.Spec.Delivery = migration.DeliveryExternal
	b.notWritten()
	if f := b.observe(b.Spec); len(f.Workloads)+len(f.Exposures) > 0 {
		b.Errorf("what nobody has delivered is seen: %+v", f)
	}
	b.World.Deliver(b.T, b.Spec, migration.PartWorkload, "harga")
	b.World.Deliver(b.T, b.Spec, migration.PartExposure, "harga")
	w := b.rolledOut(b.Spec)
	if w.Differs != "" || !slices.ContainsFunc(w.By, func(by string) bool { return strings.Contains(by, "harga") }) {
		b.Errorf("delivered as declared: %+v", w)
	}
	b.eventually(func() error {
		f := b.observe(b.Spec)
		if len(f.Exposures) != 1 || len(f.Exposures[0].Addresses) == 0 || f.Exposures[0].Differs != "" ||
			f.Exposures[0].Digest != b.Spec.ExposureDigest(env, b.workload().Name) {
			return fmt.Errorf("%+v", f.Exposures)
		}
		return nil
	})
	b.notWritten()

	other := b.with(b.World.Other)
	if w := b.observe(other).Workloads[0]; w.Differs == "" || w.Digest == other.WorkloadDigest(env, w.Name) {
		b.Errorf("another release is declared than is delivered, and it does not show: %+v", w)
	}
	b.World.ScaleBy(b.T, b.namespace(), b.workload(), 1, "vetinari")
	if w := b.observe(b.Spec).Workloads[0]; !strings.Contains(w.Differs, "replicas is 1") || w.Digest != b.Spec.WorkloadDigest(env, w.Name) {
		b.Errorf("what was changed behind the digest does not show: %+v", w)
	}
}

func (b *bench) notWritten() {
	b.Helper()
	before := fmt.Sprint(b.observe(b.Spec).Workloads)
	for _, part := range []migration.Part{migration.PartWorkload, migration.PartExposure} {
		out, err := b.Cluster.Apply(b.ctx(), b.Spec, applyOf(b.Spec, part))
		b.refused(migration.OutcomeNotDone, out, err, "delivery is external")
		out, err = b.remove(b.Spec, part)
		b.refused(migration.OutcomeNotDone, out, err, "delivery is external")
	}
	out, err := b.Cluster.Scale(b.ctx(), b.Spec, migration.Scale{Env: env, Workload: b.workload().Name})
	b.refused(migration.OutcomeNotDone, out, err, "delivery is external")
	if after := fmt.Sprint(b.observe(b.Spec).Workloads); after != before {
		b.Errorf("a refused action changed %s to %s", before, after)
	}
}
