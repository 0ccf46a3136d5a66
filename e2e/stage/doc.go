// Package stage makes the drills of the staging environment on the lab's cluster: a
// bank that is right passes each, and one that is wrong in one thing fails the drill
// that is there for it. Its tests carry the build tag lab.
package stage
