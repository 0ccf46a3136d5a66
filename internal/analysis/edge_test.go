package analysis

import "math"

var inf = math.Inf(1)
