package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Drills is what a migration says about the experiments that step stage makes.
type Drills struct {
	// What staging may reach although the machines use it too.
	SafePeers []SafePeer `json:"safePeers,omitempty"`
	// The differences between staging and production that were read and found
	// right, word by word as the step names them.
	Approved []string `json:"approved,omitempty"`
	// Requests a second while pods are deleted; omitted, 50.
	Rate *int `json:"rate,omitempty" jsonschema:"minimum=1,maximum=10000"`
	// How long that load lasts; omitted, 30 s.
	For *metav1.Duration `json:"for,omitempty"`
	// The path that the load asks for; omitted, the readiness path.
	Path string `json:"path,omitempty"`
	// Variables that a copy of the pod gets instead, so that something it depends on
	// cannot be reached and its health endpoint must turn.
	Truth map[string]string `json:"truth,omitempty"`
	// How a session is had, and seen to hold. An application without sessions leaves
	// the drill out under skip.
	Session *SessionDrill `json:"session,omitempty"`
	// Drills that do not apply, by name, each with the reason. One that a fix names
	// cannot be left out.
	Skip map[string]string `json:"skip,omitempty"`
}

// SafePeer is something that staging may reach.
type SafePeer struct {
	// Its host, or host:port.
	Address string `json:"address" jsonschema:"required"`
	// Why that does no harm.
	Reason string `json:"reason" jsonschema:"required"`
}

// SessionDrill asks one pod for a cookie, and another with it.
type SessionDrill struct {
	// The path that gives a cookie; a query may stand behind it.
	Begin string `json:"begin" jsonschema:"required"`
	// How it is asked for.
	Method string `json:"method,omitempty" jsonschema:"enum=GET,enum=POST,default=GET"`
	// A path that answers status with the session, and something else without.
	Check string `json:"check" jsonschema:"required"`
	// That status.
	Status int `json:"status,omitempty" jsonschema:"minimum=100,maximum=599,default=200"`
	// Whether a cookie of the old side must hold on a pod, too.
	Old *bool `json:"old,omitempty" jsonschema:"default=false"`
}
