package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"hubbub/internal/load"
)

// Progress says what is going on: on a terminal in one line that is drawn again, elsewhere in a line a second.
type Progress struct {
	W     io.Writer
	Width int // of the terminal; 0: it is none

	plan  load.Plan
	phase string
	began float64 // when the phase did
}

// Begin is told what comes next. It is to be called before the first point.
func (p *Progress) Begin(plan load.Plan) {
	p.plan, p.phase = plan, ""
	if p.Width == 0 {
		fmt.Fprintf(p.W, "%s …\n", plan.Mode)
	}
}

// Point draws it.
func (p *Progress) Point(at load.Point) {
	edge := at.Phase != p.phase
	if edge {
		p.phase, p.began = at.Phase, at.At
	}
	line := p.line(at)
	switch {
	case p.Width > 0:
		if n := []rune(line); len(n) >= p.Width {
			line = string(n[:p.Width-1])
		}
		fmt.Fprintf(p.W, "\r%s\x1b[K", line)
	case !edge: // at a phase's edge there is next to nothing since the last line
		fmt.Fprintln(p.W, line)
	}
}

// End leaves the terminal as it was.
func (p *Progress) End() {
	if p.Width > 0 {
		fmt.Fprint(p.W, "\r\x1b[K")
	}
}

func (p *Progress) line(at load.Point) string {
	parts := []string{fmt.Sprintf("%-6s %-10s %s", p.plan.Mode, at.Phase, p.bar(at)), thousands(int64(at.Open)) + " open"}
	add := func(on bool, format string, args ...any) {
		if on {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(at.Connects > 0, "%s connects/s", thousands(int64(at.Connects)))
	add(at.Delivered > 0, "%s sent/s, %s delivered/s", few(at.Sent), thousands(int64(at.Delivered)))
	add(at.Latency.P99 > 0, "p99 %s", showTime(float64(at.Latency.P99)))
	add(at.RSS > 0, "server %.0f %% of a core, %s", 100*at.ServerCPU, showSize(float64(at.RSS)))
	add(true, "client %.0f %%", 100*at.ClientCPU)
	add(at.Stolen > 0.03, "stolen %.0f %%", 100*at.Stolen)
	return strings.Join(parts, " · ")
}

// few is a rate that may be below 1.
func few(v float64) string {
	if v > 0 && v < 10 {
		return digitsOf(v)
	}
	return thousands(int64(v))
}

const barWidth = 20

// bar shows how far the phase is, where that is known.
func (p *Progress) bar(at load.Point) string {
	past := time.Duration((at.At - p.began) * float64(time.Second))
	share, text := 0.0, past.Round(time.Second).String()
	lasts := map[string]time.Duration{"resting": p.plan.Rest, "holding": p.plan.Duration, "warming up": p.plan.WarmUp, "measuring": p.plan.Duration}[at.Phase]
	switch n := float64(p.plan.Rooms * p.plan.Members); {
	case at.Phase == "opening" && n > 0:
		share = float64(at.Open) / n
	case at.Phase == "storm" && n > 0:
		share = float64(at.Resumed) / n
	case lasts > 0:
		share, text = past.Seconds()/lasts.Seconds(), text+"/"+lasts.String()
	}
	full := int(barWidth * min(max(share, 0), 1))
	if p.Width == 0 {
		return text
	}
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", barWidth-full) + "] " + text
}
