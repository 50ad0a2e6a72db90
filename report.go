package main

import (
	"io"

	"hubbub/internal/load"
	"hubbub/internal/load/report"
	"hubbub/web"
)

// writeReport writes the page with plots, drawn by the library that the hub's own page has, too.
func writeReport(w io.Writer, results []load.Result, verdicts []report.Verdict) error {
	return report.Page(w, report.Plotter{Script: web.Vendored("uplot.js"), Style: web.Vendored("uplot.css")}, results, verdicts)
}
