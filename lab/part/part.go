// Package part is the frame that the parts of the lab stand in: what a part is,
// where its files live, how its processes run on after the program has ended and
// how its progress is told. It knows no part: neither Kubernetes nor DNS nor the
// application is named here.
package part

import "context"

// Part is one piece of the lab. Every method is idempotent, and Down also removes
// what an Up that was killed half-way left behind.
type Part interface {
	// Name is short, lower-case and unique; progress lines begin with it.
	Name() string
	// Packages are the Debian packages that Up needs. They are installed in one
	// go, for all parts together, before the first Up is called.
	Packages() []string
	// Up returns when the part serves, or with the reason why it does not.
	Up(ctx context.Context) error
	// Down removes the part: processes, mounts, cgroups. Files below the
	// directories of the lab are removed by the caller.
	Down(ctx context.Context) error
	// Status looks at the real thing; it never trusts a note of an earlier Up.
	Status(ctx context.Context) Status
}

// Preparer is a part that has much to do for which it needs neither packages nor
// another part. Prepare runs while packages are installed, before the first Up.
type Preparer interface {
	Prepare(ctx context.Context) error
}

// State says in one word how a part does.
type State string

const (
	StateUp      State = "up"
	StatePartial State = "partial"
	StateDown    State = "down"
)

// Status is what a part says about itself.
type Status struct {
	State  State
	Detail string
}

// StatusOf sums up the processes with these names: up when all run, down when
// none does, and otherwise partial with the missing ones named.
func (l *Lab) StatusOf(names ...string) Status {
	var missing []string
	for _, name := range names {
		if !l.Running(name) {
			missing = append(missing, name)
		}
	}
	return sumUp(names, missing)
}
