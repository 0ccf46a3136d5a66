// Package netfail says by an error why a server gave no answer.
//
// It must not know which server that is, nor what anybody makes of it.
package netfail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Untrusted says that the server's certificate was not accepted, or that its answer
// is no TLS. That of a server of plain HTTP net/http tells in words alone: it is not
// among these.
func Untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &record)
}

// TimedOut says that no answer came in time.
func TimedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}
