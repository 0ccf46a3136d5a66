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
	// epochRequests is the least distance of two epochs: fewer requests hardly
	// tell a regression, and each epoch costs all later ones some weight.
	epochRequests = 10
	// startWeight is that of "from the start on", the likeliest moment.
	startWeight = 0.6
	// epochLevels is that of the roundest epochs, see level.
	epochLevels = 10
	// evenUntil is the number of epochs over which the weights fall little.
	evenUntil = 64
)

// level is the number of times that two divides k, at most epochLevels: the
// roundness of an epoch. One that is rounder stands for more of the time before it
// and lives longer, so that both a regression that shows within one sample and one
// that takes a thousand find an epoch near their beginning.
func level(k uint64) int { return min(bits.TrailingZeros64(k), epochLevels) }

// epochWeight spends what startWeight leaves over, to each level an equal part.
// Along k it falls as the density ln a/((k+a)·ln²(k+a)), whose integral is one: no
// series that converges falls much slower, so that late regressions cost least
// (the stitching of Howard et al. 2021, made even at its beginning). An epoch has
// the density times the distance of its level's epochs, of which it is the middle,
// or at the last level the end; as the density is convex and falls, no level spends
// more than its part.
func epochWeight(k uint64) float64 {
	l := level(k)
	distance := float64(uint64(2) << l)
	if l == epochLevels {
		distance /= 2
	}
	from := float64(k) + evenUntil
	log := math.Log(from)
	density := logEven / (from * log * log)
	return (1 - startWeight) / (epochLevels + 1) * distance * density
}

// beginEpoch opens one at the present counts where the last has seen traffic
// enough, and drops those that are no longer kept. Neither depends on how many
// errors there were.
func (s *JudgeState) beginEpoch() {
	var last Epoch
	if n := len(s.Epochs); n > 0 {
		last = s.Epochs[n-1]
	}
	if sub(s.New.Sum.Requests, last.Sum.Requests) < epochRequests {
		return
	}
	s.Begun = add(s.Begun, 1)
	epochs := make([]Epoch, 0, len(s.Epochs)+1)
	for _, e := range s.Epochs {
		if kept(e.K, s.Begun) {
			epochs = append(epochs, e)
		}
	}
	s.Epochs = append(epochs, Epoch{K: s.Begun, At: s.At, Sum: s.New.Sum})
}

// kept thins old epochs out: those of rounder number live longer, so that the
// recent past is dense, the distant sparse, and there are never more than about
// two dozen. Dropping one only lowers the evidence and is always valid.
func kept(k, begun uint64) bool { return sub(begun, k) < 4<<level(k) }

// maxSegments bounds the work on a state that somebody else wrote.
const maxSegments = 32

// segments returns the history from the start and from every epoch on, as of
// counts these.
func (s JudgeState) segments(dst []segment, of func(Tally) count) []segment {
	dst = append(dst, segment{of(s.New.Sum), logStart})
	for _, e := range s.Epochs[max(0, len(s.Epochs)-maxSegments):] {
		dst = append(dst, segment{of(s.New.Sum.minus(e.Sum)), math.Log(epochWeight(max(e.K, 1)))})
	}
	return dst
}

var logStart, logEven, logTwentieth = math.Log(startWeight), math.Log(evenUntil), math.Log(0.05)

// doubts weighs the epochs anew, in place: a certificate needs no proof to be
// suspended, so that an epoch has a twentieth here whenever it began. What it says less
// often costs nothing of α, since it is never called bad for it.
func doubts(segments []segment) []segment {
	for i := range segments[1:] {
		segments[1+i].logWeight = logTwentieth
	}
	return segments
}

func errorsOf(t Tally) count { return counted(t.Requests, t.Errors) }
func slowOf(t Tally) count   { return counted(t.Timed, t.Slow) }
