package manifest

import (
	"errors"
	"fmt"

	"rehome.dev/rehome/internal/migration"
)

// Digest is that of the part's objects: what DigestAnnotation holds.
func Digest(spec migration.Spec, env migration.Env, part migration.Part, workload string) string {
	return spec.PartDigest(env, part, workload)
}

// ErrDelivered says that the objects of a migration are another's to write.
var ErrDelivered = errors.New("delivery is external: what is declared is written by whoever delivers it, and only looked at here")

// Writable says whether a part may be written at all. The return path is this
// program's own, whoever delivers the rest.
func Writable(spec migration.Spec, part migration.Part) error {
	if spec.Delivers() || part == migration.PartReturnPath {
		return nil
	}
	return ErrDelivered
}

// Check says whether the action can be performed from this spec: the part can
// be rendered, and the action was decided for this spec and not for one that
// was edited since.
func Check(spec migration.Spec, a migration.Apply) error {
	if err := Writable(spec, a.Part); err != nil {
		return err
	}
	if a.Part == migration.PartExposure && spec.Target.Exposure == migration.ExposeGateway {
		return fmt.Errorf("exposure %s is rendered for review; that it is applied and observed is not built yet: use %s or %s",
			migration.ExposeGateway, migration.ExposeIngress, migration.ExposeLoadBalancer)
	}
	if _, err := Objects(spec, a.Env, a.Part, a.Workload); err != nil {
		return err
	}
	if want := Digest(spec, a.Env, a.Part, a.Workload); a.Digest != want {
		return fmt.Errorf("%s of %s was decided for digest %s, but the migration now gives %s: decide again",
			a.Part, a.Workload, a.Digest, want)
	}
	return nil
}
