package collect

import "errors"

// Why there are no facts at all. Each comes wrapped in a TargetError.
var (
	ErrNotLinux    = errors.New("facts are taken on Linux alone")
	ErrBadRequest  = errors.New("a probe needs one of unit, PID and port")
	ErrNoSystemd   = errors.New("systemd cannot be asked")
	ErrNoUnit      = errors.New("there is no such unit")
	ErrNotRunning  = errors.New("it is not running")
	ErrNoProcess   = errors.New("there is no such process")
	ErrNoListener  = errors.New("no process listens there")
	ErrAmbiguous   = errors.New("several applications listen there")
	ErrPermission  = errors.New("the rights do not suffice")
	ErrProbeItself = errors.New("the probe itself runs below it")
)

// TargetError says why the target could not be found. Kind is one of the errors
// above, Hint what to do about it.
type TargetError struct {
	Kind error
	What string // the unit, process or port, and what was seen of it
	Hint string
}

func (e *TargetError) Error() string {
	if e.What == "" {
		return e.Kind.Error()
	}
	return e.What + ": " + e.Kind.Error()
}

// Unwrap gives the kind.
func (e *TargetError) Unwrap() error { return e.Kind }

func failed(kind error, what, hint string) error {
	return &TargetError{Kind: kind, What: what, Hint: hint}
}
