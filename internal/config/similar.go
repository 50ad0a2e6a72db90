package config

import "strings"

// nearest is the known name with the fewest edits from name, or "" when that would be guessing: more than two edits, or
// more than a third of the name. Case and the kind of dash do not count.
func nearest(name string, known []string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	best, fewest := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := edits(plain(name), plain(k)); d < fewest && d < len(k) {
			best, fewest = k, d
		}
	}
	return best
}

// edits counts what has to be inserted, deleted or replaced to get from a to b (Levenshtein).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
