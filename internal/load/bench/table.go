package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// row is one line of the table.
type row struct{ figure, target, measured, verdict string }

// info is a row without a target.
func info(figure, format string, args ...any) row {
	return row{figure: figure, measured: fmt.Sprintf(format, args...)}
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

// writeTable aligns the columns; tabwriter counts bytes, and there is µ and ≤ in them.
func writeTable(w io.Writer, rows []row) {
	all := append([]row{{"figure", "target", "measured", "verdict"}}, rows...)
	var width [3]int
	for _, r := range all {
		for i, cell := range []string{r.figure, r.target, r.measured} {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range all {
		var line strings.Builder
		for i, cell := range []string{r.figure, r.target, r.measured} {
			line.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String()+r.verdict, " "))
	}
}
