package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"hubbub/internal/load"
)

// document is everything, for programs and for the page. Times are seconds, memory is bytes, shares are of 1.
type document struct {
	Version int       `json:"version"` // of this form
	Began   time.Time `json:"began"`
	Machine string    `json:"machine"`
	Results []result  `json:"results"`
	Expect  []Verdict `json:"expect,omitempty"`
	Met     bool      `json:"met"`
}

type result struct {
	Mode        load.Mode          `json:"mode"`
	What        string             `json:"what"`
	Dialect     string             `json:"dialect"`
	URLs        []string           `json:"urls"`
	Rooms       int                `json:"rooms"`
	Members     int                `json:"members"`
	Publishers  int                `json:"publishers"`
	Size        int                `json:"size"`
	Rate        float64            `json:"rate,omitempty"`
	InFlight    int                `json:"in_flight,omitempty"`
	Processes   int                `json:"processes"`
	Interrupted bool               `json:"interrupted"`
	Metrics     map[string]float64 `json:"metrics"` // those that were measured
	Errors      map[string]int     `json:"errors,omitempty"`
	Closes      map[int]int        `json:"closes,omitempty"`
	Machine     machineShare       `json:"machine"`
	Limits      []string           `json:"limits,omitempty"`
	Curve       []step             `json:"curve"`
	Points      []point            `json:"points"`
}

type machineShare struct {
	Load   string  `json:"load"`
	Idle   float64 `json:"idle"`
	Stolen float64 `json:"stolen"`
}

type step struct {
	Quantile float64 `json:"quantile"`
	Latency  float64 `json:"latency"`
	Count    int64   `json:"count"`
}

type point struct {
	At        float64  `json:"at"`
	Phase     string   `json:"phase"`
	Open      int      `json:"open"`
	Connects  float64  `json:"connects"`
	Sent      float64  `json:"sent"`
	Delivered float64  `json:"delivered"`
	ServerCPU *float64 `json:"server_cpu"`
	ClientCPU float64  `json:"client_cpu"`
	RSS       *int64   `json:"rss"`
	Socket    *float64 `json:"socket"` // memory for each, beyond what the server had before the first
	Stolen    float64  `json:"stolen"`
	Idle      float64  `json:"idle"`
	Busy      float64  `json:"busy"`
	P50       *float64 `json:"p50"`
	P90       *float64 `json:"p90"`
	P99       *float64 `json:"p99"`
	Max       *float64 `json:"max"`
}

// newDocument makes it.
func newDocument(results []load.Result, verdicts []Verdict) document {
	d := document{Version: 1, Expect: verdicts, Met: Met(verdicts), Results: []result{}}
	for i := range results {
		r := &results[i]
		if i == 0 {
			d.Began, d.Machine = r.Began, r.Machine.String()
		}
		d.Results = append(d.Results, newResult(r))
		d.Results[i].Limits = limits(results, i)
	}
	return d
}

// limits are a result's, and of the first one that others had the machine before: later ones come upon the load of those before them.
func limits(results []load.Result, i int) []string {
	r := &results[i]
	if i > 0 || !r.Machine.Occupied() {
		return r.Limits
	}
	return append(slices.Clone(r.Limits), fmt.Sprintf("the machine was busy before this began (load %s)", r.Machine.Load))
}

func newResult(r *load.Result) result {
	p := &r.Plan
	out := result{
		Mode: p.Mode, What: what(r), Dialect: p.Dialect.Name, URLs: p.URLs, Rooms: p.Rooms, Members: p.Members, Publishers: p.Publishers,
		Size: p.Size, Rate: p.Rate, Processes: p.Processes, Interrupted: r.Interrupted, Metrics: map[string]float64{},
		Errors: r.Mail.Errors, Closes: r.Mail.Closes, Machine: machineShare{r.Machine.Load, tidy(r.Idle), tidy(r.Stolen)},
		Curve: []step{}, Points: []point{},
	}
	if p.Rate == 0 && p.Mode != load.Storm {
		out.InFlight = p.InFlight
	}
	for _, m := range metrics {
		if v, measured := m.value(r); measured {
			if m.unit == duration {
				v /= float64(time.Second)
			}
			out.Metrics[m.name] = tidy(v)
		}
	}
	for _, s := range r.Curve {
		out.Curve = append(out.Curve, step{s.Quantile, s.Latency.Seconds(), s.Count})
	}
	for _, p := range r.Points {
		out.Points = append(out.Points, newPoint(r, p))
	}
	return out
}

func newPoint(r *load.Result, p load.Point) point {
	out := point{
		At: tidy(p.At), Phase: p.Phase, Open: p.Open, Connects: tidy(p.Connects), Sent: tidy(p.Sent), Delivered: tidy(p.Delivered),
		ClientCPU: tidy(p.ClientCPU), Stolen: tidy(p.Stolen), Idle: tidy(p.Idle), Busy: tidy(p.Busy),
	}
	if known(r) {
		out.ServerCPU, out.RSS = new(tidy(p.ServerCPU)), new(p.RSS)
		if p.Open > 0 && p.RSS > r.Before {
			out.Socket = new(tidy(float64(p.RSS-r.Before) / float64(p.Open)))
		}
	}
	if l := p.Latency; l.Max > 0 {
		out.P50, out.P90, out.P99, out.Max = new(l.P50.Seconds()), new(l.P90.Seconds()), new(l.P99.Seconds()), new(l.Max.Seconds())
	}
	return out
}

// tidy leaves as many digits as mean something.
func tidy(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	if math.Abs(v) >= 1e6 {
		return math.Round(v)
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// JSON writes everything.
func JSON(w io.Writer, results []load.Result, verdicts []Verdict) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(newDocument(results, verdicts))
}
