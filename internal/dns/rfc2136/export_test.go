package rfc2136

import "time"

// SetClock makes the provider sign with another time.
func SetClock(p *Provider, now func() time.Time) { p.now = now }

// SetNameServerPort makes the provider ask discovered servers at another port.
func SetNameServerPort(p *Provider, port uint16) { p.nsPort = port }

// Timeout is the provider's.
func Timeout(p *Provider) time.Duration { return p.timeout }
