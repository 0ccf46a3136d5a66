package manifest

import (
	"fmt"
	"slices"
	"strconv"

	"rehome.dev/rehome/internal/migration"
)

// scratchPrefix begins the names of the declared scratch volumes.
const scratchPrefix = scratchVolume + "-"

// addScratch mounts empty directories that may be written. One that is mounted
// already is refused, but for the one that every pod has.
func (v *volumes) addScratch(w migration.Workload, taken map[string]string) error {
	for i, dir := range w.Scratch {
		where := fmt.Sprintf("scratch[%d]", i)
		at, err := absolute(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if at == scratch {
			continue
		}
		if taken[at] != "" {
			return fmt.Errorf("%s: path %s is mounted already", where, at)
		}
		name := scratchPrefix + strconv.Itoa(i)
		if slices.ContainsFunc(w.Storage, func(s migration.Storage) bool { return s.Name == name }) {
			return fmt.Errorf("%s: the name %q is kept for volumes that rehome makes, and a storage has it", where, name)
		}
		taken[at] = where
		v.add(name, at, false, object{"emptyDir": object{}})
	}
	return nil
}
