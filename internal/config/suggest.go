package config

import (
	"slices"
	"strings"
)

// nearest finds the known word that was probably meant, or "".
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if strings.EqualFold(word, k) {
			return k
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// suggestion is the remedy for an unknown word: the one that was probably
// meant, otherwise all that are known.
func suggestion(word string, known []string) string {
	n := nearest(word, known)
	switch {
	case n != "" && strings.EqualFold(n, word):
		return "write " + n + ": upper and lower case differ"
	case n != "":
		return "did you mean " + n + "?"
	case len(known) == 0:
		return "nothing is known here"
	}
	all := slices.Sorted(slices.Values(known))
	return "known here: " + strings.Join(all, ", ")
}

// distance is the number of letters to insert, remove, replace or swap with
// the neighbour (optimal string alignment). Words are short; only the first 64
// letters are looked at.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	x, y = x[:min(len(x), 64)], y[:min(len(y), 64)]
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
