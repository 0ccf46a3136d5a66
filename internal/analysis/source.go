package analysis

// carriedOn makes a sample of another source than the last one's set the starting
// values again, as the first sample did. Two sources count the same requests: what
// both saw must be counted once, and what the new one had counted before it took
// over is no growth. What came between the two samples is counted by neither.
//
// The warm-up begins again too, for nobody knows how long the pods behind the new
// source's series have run.
func (s *JudgeState) carriedOn(sample Sample, l *look) {
	if sample.Source == s.Source {
		return
	}
	s.Source = sample.Source
	if s.New.Primed || s.Control.Primed {
		l.start = l.at
	}
	s.New.Primed, s.Control.Primed = false, false
}
