package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// The chart's size in its own units; the page scales it.
const (
	chartWidth  = 720
	chartHeight = 250
	chartLeft   = 64
	chartRight  = 704
	chartTop    = 34
	chartBottom = 216
	stripTop    = 262 // of the client's count, below the axis
	stripBottom = 312
	stripHeight = 322 // of a chart with one
)

// Chart is the geometry of one picture: error rates over time.
type Chart struct {
	ID, Title, Describe string
	Width, Height       int
	Left, Right         int
	Top, Bottom         int
	Path                string // of the new side's error rate
	Dots                []Dot  // the looks, where they are few
	Strip               *Strip
	Baseline            float64
	Y, X                []Tick
	Marks               []ChartMark
}

// Dot is one look.
type Dot struct{ X, Y float64 }

// Bar is a client's count in one moment.
type Bar struct{ X, Y, Width, Height float64 }

// Strip shows, on a scale of its own, what share of its requests a client lost.
type Strip struct {
	Top, Bottom int
	Highest     string
	Bars        []Bar
}

// Tick is a labelled line.
type Tick struct {
	At    float64
	Label string
}

// ChartMark is a numbered moment; the number stands in the legend beside the text.
type ChartMark struct {
	X      float64
	Y      float64 // of the number
	Number int
	When   string
	What   string
}

// maxDots is up to how many looks are dotted.
const maxDots = 120

// charts draws the cutover of one attempt, and its hold where there was one: in
// one picture the three days would hide the fifteen minutes.
func (j Judgement) charts() []Chart {
	if len(j.Points) == 0 {
		return nil
	}
	from, to := j.Points[0].At, j.Points[len(j.Points)-1].At
	cut := to
	if !j.HoldFrom.IsZero() && j.HoldFrom.After(from) && j.HoldFrom.Before(to) {
		cut = j.HoldFrom
	}
	if n := len(j.Clients); n > 0 && cut.Equal(to) {
		from, cut = earlier(from, j.Clients[0].At), later(cut, j.Clients[n-1].At)
	}
	for _, m := range j.Marks {
		if j.HoldFrom.IsZero() {
			cut = later(cut, m.At)
		}
	}
	out := []Chart{j.chart(fmt.Sprintf("cutover-%d", j.Attempt), fmt.Sprintf("Error rate around the switch, attempt %d", j.Attempt), from, cut)}
	if cut.Before(to) {
		end := to
		if n := len(j.Marks); n > 0 {
			end = later(end, j.Marks[n-1].At)
		}
		out = append(out, j.chart(fmt.Sprintf("hold-%d", j.Attempt), fmt.Sprintf("Error rate in the hold, attempt %d", j.Attempt), cut, end))
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// scale maps times and shares to the chart's units.
type scale struct {
	from time.Time
	span time.Duration
	top  float64 // the share at the upper edge
}

func (s scale) x(t time.Time) float64 {
	part := float64(t.Sub(s.from)) / float64(max(s.span, 1))
	return round(chartLeft + (chartRight-chartLeft)*min(max(part, 0), 1))
}

func (s scale) y(share float64) float64 {
	return round(chartBottom - (chartBottom-chartTop)*min(max(share/s.top, 0), 1))
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

func (j Judgement) chart(id, title string, from, to time.Time) Chart {
	within := func(t time.Time) bool { return !t.Before(from) && !t.After(to) }
	points := slices.DeleteFunc(slices.Clone(j.Points), func(p Point) bool { return !p.Measured || !within(p.At) })
	highest := j.BaselineRate
	for _, p := range points {
		highest = max(highest, p.Rate)
	}
	s := scale{from: from, span: to.Sub(from)}
	c := Chart{ID: id, Title: title, Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartRight, Top: chartTop, Bottom: chartBottom}
	s.top, c.Y = shareTicks(highest)
	for i := range c.Y {
		c.Y[i].At = s.y(c.Y[i].At)
	}
	c.X = timeTicks(s)
	c.Baseline = s.y(j.BaselineRate)
	c.Path, c.Dots = line(points, s)
	if c.Strip = j.strip(s, within); c.Strip != nil {
		c.Height = stripHeight
	}
	c.Marks = j.marks(s, within)
	c.Describe = fmt.Sprintf("From %s to %s: %d looks at the new side, the highest error rate %s, the baseline %s.", stamp(from), stamp(to), len(points), percent(highest), percent(j.BaselineRate))
	return c
}

func line(points []Point, s scale) (string, []Dot) {
	var path strings.Builder
	var dots []Dot
	for i, p := range points {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&path, "%s%g %g", op, s.x(p.At), s.y(p.Rate))
		if len(points) <= maxDots {
			dots = append(dots, Dot{s.x(p.At), s.y(p.Rate)})
		}
	}
	return path.String(), dots
}

// strip is nil where no client counted for any length of time.
func (j Judgement) strip(s scale, within func(time.Time) bool) *Strip {
	clients := slices.DeleteFunc(slices.Clone(j.Clients), func(c Clients) bool { return c.Sent == 0 || !within(c.At) })
	if len(clients) < 2 {
		return nil
	}
	var highest float64
	for _, c := range clients {
		highest = max(highest, c.lost())
	}
	out := &Strip{Top: stripTop, Bottom: stripBottom, Highest: fmt.Sprintf("%.3g %%", 100*highest)}
	for i, c := range clients {
		if c.Failed == 0 {
			continue
		}
		x, width := s.x(c.At), 3.0
		if i+1 < len(clients) {
			width = max(0.5, s.x(clients[i+1].At)-x)
		}
		height := round(max(1, (stripBottom-stripTop)*c.lost()/highest))
		out.Bars = append(out.Bars, Bar{x, stripBottom - height, round(width), height})
	}
	return out
}

func (c Clients) lost() float64 { return float64(c.Failed) / float64(c.Sent) }

// marks numbers the moments; numbers that would touch each other stand lower.
func (j Judgement) marks(s scale, within func(time.Time) bool) []ChartMark {
	var out []ChartMark
	for _, m := range j.Marks {
		if !within(m.At) {
			continue
		}
		c := ChartMark{X: s.x(m.At), Y: chartTop - 16, Number: len(out) + 1, When: stamp(m.At), What: m.What}
		if n := len(out); n > 0 && c.X-out[n-1].X < 20 {
			c.Y = out[n-1].Y + 20
		}
		out = append(out, c)
	}
	return out
}

// shareTicks gives a round upper edge above the highest share, and five lines.
func shareTicks(highest float64) (float64, []Tick) {
	step := 0.0001
	for _, next := range []float64{0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25} {
		if highest <= step*4 {
			break
		}
		step = next
	}
	var out []Tick
	for i := range 5 {
		out = append(out, Tick{At: float64(i) * step, Label: fmt.Sprintf("%.4g %%", math.Round(float64(i)*step*1e6)/1e4)})
	}
	return 4 * step, out
}

// timeTicks labels the time axis: with the date where it spans days.
func timeTicks(s scale) []Tick {
	form := "15:04:05"
	if s.span > 24*time.Hour {
		form = "02 Jan 15:04"
	}
	const n = 5
	var out []Tick
	for i := range n {
		at := s.from.Add(s.span * time.Duration(i) / (n - 1))
		out = append(out, Tick{At: s.x(at), Label: at.UTC().Format(form)})
	}
	return out
}
