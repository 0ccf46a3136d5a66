package analysis

import (
	"math"
	"math/bits"
	"time"
)

// An Epoch is a moment at which a regression may have begun, with what the new
// side had counted by then. Without epochs a regression after an hour of health
// would first have to outweigh that hour. Each epoch starts an e-process of its
// own; their weights sum to at most one, so the mixture is an e-process too (the
// e-detectors of Shin, Ramdas and Rinaldo 2024, with a spent α instead of an
// average run length, because a rollback must be right once and for all).
type Epoch struct {
	K   uint64    `json:"k"` // from 1; the start of the judgement is no Epoch
	At  time.Time `json:"at"`
	Sum Tally     `json:"sum"`
}

const (
	// epochEvery is the least distance of two epochs.
	epochEvery = 30 * time.Second
	// startWeight is that of "from the start on", the likeliest moment.
	startWeight = 0.65
	// epochLevels bounds how long an epoch is kept, see kept.
	epochLevels = 5
)

// epochWeight spends what startWeight leaves over: Σ 1/((k+1)·ln²(k+1)) is 2.11, and
// no series that converges falls much slower, so late regressions cost least
// (the stitching of Howard et al. 2021).
func epochWeight(k uint64) float64 {
	l := math.Log(float64(k) + 1)
	return (1 - startWeight) / 2.11 / ((float64(k) + 1) * l * l)
}

// beginEpoch opens one at the present counts where the last is old enough and
// has seen traffic, and drops those that are no longer kept. Neither depends on
// how many errors there were.
func (s *JudgeState) beginEpoch() {
	last := Epoch{At: s.Start}
	if n := len(s.Epochs); n > 0 {
		last = s.Epochs[n-1]
	}
	due := last.At.Add(max(epochEvery, 4*s.Config.SampleEvery))
	if s.At.Before(due) || s.New.Sum.Requests == last.Sum.Requests {
		return
	}
	s.Begun = add(s.Begun, 1)
	var epochs []Epoch
	for _, e := range s.Epochs {
		if kept(e.K, s.Begun) {
			epochs = append(epochs, e)
		}
	}
	s.Epochs = append(epochs, Epoch{K: s.Begun, At: s.At, Sum: s.New.Sum})
}

// kept thins old epochs out: those of rounder number live longer, so that the
// recent past is dense, the distant sparse, and there are never more than about
// fifteen. Dropping one only lowers the evidence and is always valid.
func kept(k, begun uint64) bool {
	level := min(bits.TrailingZeros64(k), epochLevels)
	return sub(begun, k) < 4<<level
}

// maxSegments bounds the work on a state that somebody else wrote.
const maxSegments = 24

// segments returns the history from the start and from every epoch on, as of
// counts these.
func (s JudgeState) segments(dst []segment, of func(Tally) count) []segment {
	dst = append(dst, segment{of(s.New.Sum), math.Log(startWeight)})
	for _, e := range s.Epochs[max(0, len(s.Epochs)-maxSegments):] {
		dst = append(dst, segment{of(s.New.Sum.minus(e.Sum)), math.Log(epochWeight(max(e.K, 1)))})
	}
	return dst
}

func errorsOf(t Tally) count { return counted(t.Requests, t.Errors) }
func slowOf(t Tally) count   { return counted(t.Timed, t.Slow) }
