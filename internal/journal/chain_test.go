package journal

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"rehome.dev/rehome/internal/migration"
)

func chain(n int) []migration.Record {
	recs := make([]migration.Record, n)
	for i := range recs {
		recs[i] = migration.Record{
			Migration: "m", At: time.Unix(int64(i), 5), Actor: "angua", Kind: migration.KindNote,
			Body: json.RawMessage(`{"text":"x"}`),
		}
	}
	recs[0].Kind = migration.KindDeclared
	return SealAll(migration.Head{}, recs)
}

func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	tests := []struct {
		name   string
		damage func([]migration.Record) []migration.Record
		intact int
		seq    uint64 // 0: no error
	}{
		{"whole", func(r []migration.Record) []migration.Record { return r }, 5, 0},
		{"cut short is still a chain", func(r []migration.Record) []migration.Record { return r[:3] }, 3, 0},
		{"one taken out", func(r []migration.Record) []migration.Record { return append(r[:2:2], r[3:]...) }, 2, 3},
		{"one altered", func(r []migration.Record) []migration.Record { r[1].Actor = "somebody"; return r }, 1, 2},
		{"body altered", func(r []migration.Record) []migration.Record { r[3].Body = []byte(`{}`); return r }, 3, 4},
		{"altered and sealed anew", func(r []migration.Record) []migration.Record {
			r[1].Actor = "somebody"
			r[1] = Seal(HeadOf(r[0]), r[1])
			return r
		}, 2, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			intact, err := Verify(migration.Head{}, tt.damage(chain(5)))
			var ce *ChainError
			if got := uint64(0); errors.As(err, &ce) {
				got = ce.Seq
				if got != tt.seq {
					t.Errorf("bad record %d, want %d (%v)", got, tt.seq, err)
				}
			} else if tt.seq != 0 {
				t.Errorf("no error, want one at record %d", tt.seq)
			}
			if intact != tt.intact {
				t.Errorf("intact = %d, want %d", intact, tt.intact)
			}
		})
	}
}

func TestDigestSurvivesJSON(t *testing.T) {
	recs := chain(3)
	b, err := json.Marshal(recs)
	if err != nil {
		t.Fatal(err)
	}
	var back []migration.Record
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(migration.Head{}, back); err != nil {
		t.Errorf("a chain that went through JSON does not verify: %v", err)
	}
}

func TestCheckAppend(t *testing.T) {
	good := chain(2)
	tests := []struct {
		name string
		key  string
		prev migration.Head
		recs []migration.Record
		ok   bool
	}{
		{"first two", "m", migration.Head{}, good, true},
		{"behind the first", "m", HeadOf(good[0]), good[1:], true},
		{"nothing", "m", migration.Head{}, nil, false},
		{"not a declaration first", "m", migration.Head{}, []migration.Record{Seal(migration.Head{}, good[1])}, false},
		{"of another migration", "n", migration.Head{}, good, false},
		{"behind another head", "m", migration.Head{Seq: 7, Digest: "x"}, good, false},
		{"no actor", "m", HeadOf(good[0]), []migration.Record{Seal(HeadOf(good[0]), migration.Record{Migration: "m", At: time.Unix(1, 0), Kind: migration.KindNote})}, false},
		{"no time", "m", HeadOf(good[0]), []migration.Record{Seal(HeadOf(good[0]), migration.Record{Migration: "m", Actor: "a", Kind: migration.KindNote})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckAppend(tt.key, tt.prev, tt.recs); (err == nil) != tt.ok {
				t.Errorf("CheckAppend = %v, want ok %v", err, tt.ok)
			}
		})
	}
}
