package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"hubbub/internal/load"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// Plotter is the library that draws the page's plots, uPlot: an ES module that exports it as its default, and its style. It is not embedded here:
// the hub's own page has it already.
type Plotter struct{ Script, Style []byte }

var page = template.Must(template.New("page").Funcs(template.FuncMap{"show": showMetric, "title": title}).Parse(pageHTML))

// Page writes a page that needs nothing else: its style, its code and its figures are in it, and it forbids itself to load anything.
func Page(w io.Writer, p Plotter, results []load.Result, verdicts []Verdict) error {
	d := newDocument(results, verdicts)
	data, err := json.Marshal(d) // which escapes <, > and &
	if err != nil {
		return err
	}
	err = page.Execute(w, struct {
		document
		Rows   [][]string
		Style  template.CSS
		Script template.JS
		Data   template.JS
	}{
		d, overview(results), template.CSS(string(p.Style) + pageCSS),
		template.JS(string(p.Script) + "\n" + pageJS), template.JS(data),
	})
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// figure is a metric of a result with its name in words.
type figure struct{ Name, Value, Help string }

// showMetric lists what was measured.
func showMetric(r result) (list []figure) {
	for _, m := range metrics {
		v, measured := r.Metrics[m.name]
		if !measured {
			continue
		}
		if m.unit == duration {
			v *= 1e9
		}
		list = append(list, figure{m.name, m.unit.show(v), m.help})
	}
	return list
}

// title is the mode, as a heading has it.
func title(r result) string {
	name := map[load.Mode]string{load.Echo: "Echo", load.Fanout: "Fan-out", load.Idle: "Idle sockets", load.Storm: "Storm", load.Soak: "Soak"}[r.Mode]
	if r.Mode == load.Fanout && r.Rate == 0 {
		name += " as fast as it goes"
	}
	return name
}
