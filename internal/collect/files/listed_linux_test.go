package files

import (
	"fmt"
	"slices"
	"testing"

	"rehome.dev/rehome/internal/inventory"
)

// Many files that were found by their times do not crowd out what is open: that a
// deleted one is held open nobody sees but by its descriptor.
func TestWhatIsOpenIsListedFirst(t *testing.T) {
	var all []*use
	for i := range 2 * listed {
		all = append(all, &use{path: fmt.Sprintf("/srv/bank/account %05d", i), by: byMtime, written: true, class: inventory.FileData})
	}
	want := []string{"/srv/bank/zz deleted", "/srv/bank/zz open"}
	all = append(all,
		&use{path: want[1], by: byFD, written: true, class: inventory.FileData},
		&use{path: want[0], by: byFD, read: true, deleted: true, class: inventory.FileData},
		&use{path: "/srv/bank/zz read", by: byTree, read: true, class: inventory.FileData})
	var f inventory.Facts
	New().tell(all, nil, &f)
	if len(f.Files) != listed || f.Files[0].Path != want[0] || f.Files[1].Path != want[1] {
		t.Errorf("%d files are listed, the first are %+v", len(f.Files), f.Files[:2])
	}
	if slices.ContainsFunc(f.Files, func(x inventory.File) bool { return x.Path == "/srv/bank/zz read" }) {
		t.Error("what is only read is listed before what is written")
	}
}
