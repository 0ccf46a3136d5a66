package rfc2136

import (
	"errors"
	"fmt"
	"slices"
	"time"

	miekg "github.com/miekg/dns"

	"rehome.dev/rehome/internal/dns"
	"rehome.dev/rehome/internal/migration"
)

// fudge is how far clocks may differ, and for how long a captured message stays
// valid (RFC 8945, section 10).
const fudge = 300 // seconds

// message builds the UPDATE. Everything is removed before anything is added, as
// the update section is worked off in order (RFC 2136, section 3.4.2).
func message(c dns.Change) (*miekg.Msg, error) {
	m := new(miekg.Msg).SetUpdate(c.Zone)
	for _, p := range c.Pairs {
		if err := demand(m, p.Before); err != nil {
			return nil, err
		}
	}
	for _, s := range c.Absent() {
		if err := demand(m, s); err != nil {
			return nil, err
		}
	}
	for _, p := range c.Pairs {
		m.RemoveRRset([]miekg.RR{empty(p.Before)})
	}
	for _, p := range c.Pairs {
		records, err := dns.Records(p.After)
		if err != nil {
			return nil, err
		}
		m.Insert(records)
	}
	return m, nil
}

// demand adds the prerequisite that the set is there exactly so, whatever its TTL
// (RFC 2136, section 2.4.2), or, without data, that there is none (2.4.3).
func demand(m *miekg.Msg, set migration.RRset) error {
	if len(set.Data) == 0 {
		m.RRsetNotUsed([]miekg.RR{empty(set)})
		return nil
	}
	records, err := dns.Records(set)
	if err != nil {
		return err
	}
	m.Used(records)
	return nil
}

// empty stands for a whole set.
func empty(set migration.RRset) miekg.RR {
	return &miekg.ANY{Hdr: miekg.RR_Header{Name: set.Name, Rrtype: miekg.StringToType[set.Type]}}
}

// request is a signed message on its way, with what its answer is checked against.
type request struct {
	wire []byte
	id   uint16
	mac  string
}

// sign gives the message a TSIG. The message is of no use afterwards.
func sign(m *miekg.Msg, k key, secret string, at time.Time) (request, error) {
	m.SetTsig(k.name, k.algorithm, fudge, at.Unix())
	wire, mac, err := miekg.TsigGenerate(m, secret, "", false)
	if err != nil {
		return request{}, fmt.Errorf("sign the update: %w", err)
	}
	if len(wire) > miekg.MaxMsgSize {
		return request{}, fmt.Errorf("the update of %d bytes is longer than a message can be", len(wire))
	}
	return request{wire, m.Id, mac}, nil
}

// answer is what the server said, and whether its signature proves that it did.
type answer struct {
	rcode     int
	tsigError int
	proven    bool
}

// read takes an answer apart. An error means that it is none to this request or
// that its signature is wrong: nothing it says can be believed.
func (r request) read(wire []byte, secret string) (answer, error) {
	m := new(miekg.Msg)
	if err := m.Unpack(wire); err != nil {
		return answer{}, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if m.Id != r.id || !m.Response || m.Opcode != miekg.OpcodeUpdate {
		return answer{}, errors.New("the answer is to another message")
	}
	a := answer{rcode: m.Rcode}
	t := m.IsTsig()
	if t == nil {
		return a, nil
	}
	a.tsigError = int(t.Error)
	if m.Rcode == miekg.RcodeNotAuth {
		// With BADKEY and BADSIG it cannot be signed (RFC 8945, section 5.3.2), and
		// with others the library does not verify it; judge needs no proof of it.
		return a, nil
	}
	if err := miekg.TsigVerify(slices.Clone(wire), secret, r.mac, false); err != nil {
		return answer{}, fmt.Errorf("the answer's signature is wrong: %w", err)
	}
	a.proven = true
	return a, nil
}
