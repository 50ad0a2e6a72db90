package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"hubbub/internal/load"
)

// what is a measurement in a few words.
func what(r *load.Result) string {
	p := &r.Plan
	s := fmt.Sprintf("%s × %s, %d bytes", plural(p.Rooms, "room"), plural(p.Members, "member"), p.Size)
	switch {
	case p.Mode == load.Echo:
		return fmt.Sprintf("%s, each its next %d bytes when the last came back", plural(p.Sockets(), "socket"), p.Size)
	case p.Mode == load.Idle:
		return fmt.Sprintf("%s in %s", plural(p.Sockets(), "socket"), plural(p.Rooms, "room"))
	case p.Mode == load.Storm:
		return fmt.Sprintf("%s of %s come back for %s each", plural(p.Sockets(), "member"), plural(p.Rooms, "room"), plural(p.Missed, "message"))
	case p.Rate > 0:
		return s + fmt.Sprintf(", %s messages/s a room by schedule", digitsOf(p.Rate))
	default:
		return s + fmt.Sprintf(", %d under way in each", p.InFlight)
	}
}

func digitsOf(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(int64(n)) + " " + thing + "s"
}

// Text writes results for people: one in full, several as one table.
func Text(w io.Writer, results []load.Result, verdicts []Verdict) {
	if len(results) == 1 {
		full(w, &results[0])
	} else {
		table(w, overview(results))
		for i := range results {
			if r := &results[i]; !r.Mail.Clean() {
				fmt.Fprintf(w, "\n%s: %s\n", r.Plan.Mode, r.Mail)
			}
		}
	}
	if len(results) > 0 {
		first, last := results[0], results[len(results)-1]
		fmt.Fprintf(w, "\n%s\nload %s before; while the last one ran, %s of the CPU time was idle and %s stolen by other machines\n",
			first.Machine, first.Machine.Load, share.show(last.Idle), share.show(last.Stolen))
	}
	for i := range results {
		for _, limit := range limits(results, i) {
			fmt.Fprintf(w, "LIMIT: %s: %s\n", results[i].Plan.Mode, limit)
		}
	}
	for _, v := range verdicts {
		word := "met"
		if !v.Met {
			word = "NOT MET"
		}
		fmt.Fprintf(w, "%s: %s (%s)\n", v.Expectation, word, v.Found)
	}
}

// lines of a result in full: a name, and the metrics behind it with a word each.
var lines = []struct {
	name  string
	parts []part
}{
	{"mail", []part{{"sent", "sent"}, {"delivered", "delivered"}, {"lost", "lost"}, {"duplicated", "duplicated"}, {"reordered", "reordered"}}},
	{"latency", []part{{"p50", "p50"}, {"p90", "p90"}, {"p99", "p99"}, {"p99.9", "p99.9"}, {"max", "max"}}},
	{"deliveries", []part{{"rate", ""}, {"cpu", "of server CPU each"}, {"client-cpu", "of ours"}}},
	{"connects", []part{{"connects", ""}, {"connect-p99", "p99"}, {"connect-cpu", "of server CPU each"}}},
	{"memory", []part{{"memory", "an idle socket"}, {"memory-spoken", "after each has spoken"}, {"rss", "in all at most"}, {"growth", "more an hour"}}},
	{"while idle", []part{{"idle-cpu", "of a core"}}},
	{"storm", []part{{"storm", "until all had what they missed"}}},
	{"ourselves", []part{{"busy", "busy"}, {"behind", "late with sending, p99"}}},
}

type part struct{ metric, word string }

func full(w io.Writer, r *load.Result) {
	fmt.Fprintf(w, "%s, dialect %s: %s\n", r.Plan.Mode, r.Plan.Dialect.Name, what(r))
	if r.Interrupted {
		fmt.Fprintln(w, "  ended early: this is what there was by then")
	}
	for _, l := range lines {
		var cells []string
		for _, p := range l.parts {
			i := index(p.metric)
			v, measured := metrics[i].value(r)
			if !measured {
				continue
			}
			text := strings.TrimSpace(metrics[i].unit.show(v) + " " + p.word)
			if metrics[i].unit == duration && strings.HasPrefix(p.word, "p") || p.word == "max" {
				text = p.word + " " + metrics[i].unit.show(v)
			}
			cells = append(cells, text)
		}
		if len(cells) > 0 && (l.name != "mail" || r.Mail.Sent > 0) {
			fmt.Fprintf(w, "  %-11s %s\n", l.name, strings.Join(cells, " · "))
		}
	}
	if r.Plan.Rate == 0 && r.Latency.Max > 0 && r.Plan.Mode != load.Storm {
		fmt.Fprintln(w, "  a closed loop: latency counts from when a message was sent, and the load gives way when the server is slow")
	}
	if !r.Mail.Clean() {
		fmt.Fprintf(w, "  NOT CLEAN   %s\n", r.Mail)
	}
}

func index(name string) int {
	for i, m := range metrics {
		if m.name == name {
			return i
		}
	}
	panic("report: there is no metric " + name)
}

// overview is several results as a table.
func overview(results []load.Result) [][]string {
	rows := [][]string{{"", "deliveries", "p50", "p99", "server CPU", "memory", "lost", "doubled", "reordered"}}
	for i := range results {
		r := &results[i]
		row := []string{string(r.Plan.Mode) + ": " + what(r)}
		cpu, memory := "cpu", "rss"
		if r.Plan.Mode == load.Idle {
			cpu, memory = "connect-cpu", "memory"
		}
		for _, name := range []string{"rate", "p50", "p99", cpu, memory, "lost", "duplicated", "reordered"} {
			m := metrics[index(name)]
			v, measured := m.value(r)
			if !measured {
				row = append(row, "")
				continue
			}
			text := m.unit.show(v)
			switch name {
			case "cpu":
				text += " each"
			case "connect-cpu":
				text += " a connect"
			case "memory":
				text += " a socket"
			}
			row = append(row, text)
		}
		if r.Interrupted {
			row[0] += " (ended early)"
		}
		rows = append(rows, row)
	}
	return rows
}

// table aligns the columns; tabwriter counts bytes, and there is µ and × in them.
func table(w io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
