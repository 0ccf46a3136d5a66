package rfc2136

import (
	"errors"
	"fmt"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/migration"
)

// judge says what an answer means.
//
// Success and a failed prerequisite count only with a valid signature. A refusal
// counts without one, as an honest server cannot sign for a key that it does not
// have; whoever could forge one could as well swallow the message.
//
// SERVFAIL leaves the outcome open: RFC 2136, section 2.2, gives it for a failed
// undo and for a forwarded update whose answer was not seen, besides faults that
// changed nothing.
func judge(a answer, zone, key string) (migration.Outcome, error) {
	switch a.rcode {
	case miekg.RcodeSuccess, miekg.RcodeNXRrset, miekg.RcodeYXRrset, miekg.RcodeNameError, miekg.RcodeYXDomain:
		if !a.proven {
			return migration.OutcomeUnknown, fmt.Errorf("the server answers %s without a signature, so that anybody may have said it; "+
				"give the address of the primary itself", miekg.RcodeToString[a.rcode])
		}
		if a.rcode == miekg.RcodeSuccess {
			return migration.OutcomeDone, nil
		}
		return migration.OutcomeForeign, nil
	case miekg.RcodeServerFailure:
		return migration.OutcomeUnknown, errors.New("the server failed (SERVFAIL); its log says why: " +
			"often it cannot write its zone's journal, or it passes updates on and its primary did not answer")
	}
	return migration.OutcomeNotDone, refusal(a, zone, key)
}

func refusal(a answer, zone, key string) error {
	switch a.tsigError {
	case miekg.RcodeBadKey:
		return fmt.Errorf("the server does not know the TSIG key %s with this algorithm (BADKEY); "+
			"compare %s and %s with its key clause", key, SettingTSIGName, SettingTSIGAlgorithm)
	case miekg.RcodeBadSig:
		return fmt.Errorf("the secret of the TSIG key %s is not the server's (BADSIG); "+
			"replace what %s or %s leads to", key, SettingSecretFile, SettingSecretEnv)
	case miekg.RcodeBadTime:
		return fmt.Errorf("the clocks of this host and of the server differ by more than %d s (BADTIME); set them right", fudge)
	}
	switch a.rcode {
	case miekg.RcodeNotAuth:
		return fmt.Errorf("the server is not authoritative for the zone %s (NOTAUTH); "+
			"compare the zone's name with its configuration, and give its primary as %s", zone, SettingServer)
	case miekg.RcodeRefused:
		return fmt.Errorf("the server refuses updates of %s with the key %s (REFUSED); "+
			"allow it by allow-update or update-policy there, for these names and types", zone, key)
	case miekg.RcodeNotZone:
		return fmt.Errorf("a name is not in the zone %s (NOTZONE); it may be delegated to a zone of its own", zone)
	case miekg.RcodeNotImplemented:
		return fmt.Errorf("the server does not take updates at all (NOTIMP); give the zone's primary as %s", SettingServer)
	}
	return fmt.Errorf("the server answers %s", rcodeText(a.rcode))
}

func rcodeText(code int) string {
	if text, ok := miekg.RcodeToString[code]; ok {
		return text
	}
	return fmt.Sprintf("the code %d", code)
}
