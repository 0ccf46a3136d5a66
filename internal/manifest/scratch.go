package manifest

import (
	"fmt"
	"strconv"
)

// scratchPrefix begins the names of the declared scratch volumes.
const scratchPrefix = scratchVolume + "-"

// addScratch mounts empty directories that may be written. One that is mounted
// already is refused, but for the one that every pod has.
func (v *volumes) addScratch(dirs []string) error {
	taken := map[string]bool{}
	for _, m := range v.mounts {
		taken[m.(object)["mountPath"].(string)], taken[m.(object)["name"].(string)] = true, true
	}
	for i, dir := range dirs {
		at, err := absolute(dir)
		if err != nil {
			return fmt.Errorf("scratch[%d]: %w", i, err)
		}
		if at == scratch {
			continue
		}
		if taken[at] {
			return fmt.Errorf("scratch[%d]: path %s is mounted already", i, at)
		}
		name := scratchPrefix + strconv.Itoa(i)
		if taken[name] {
			return fmt.Errorf("scratch[%d]: the name %q is kept for volumes that rehome makes, and a storage has it", i, name)
		}
		taken[at] = true
		v.add(name, at, false, object{"emptyDir": object{}})
	}
	return nil
}
