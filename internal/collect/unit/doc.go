// Package unit asks systemd for a unit: all its settings, with every drop-in
// applied, as `systemctl show` prints them (systemctl(1), org.freedesktop.systemd1(5)).
//
// It changes no unit and must not know which processes belong to one. Of
// Environment= and environment files it keeps names only.
package unit
