package report

import (
	"fmt"
	"slices"
	"strings"

	"hubbub/internal/load"
)

// Expectation is one threshold.
type Expectation struct {
	Text   string // as it was written
	mode   load.Mode
	metric metric
	op     string
	value  float64
}

// operators, the longer ones first.
var operators = []string{"<=", ">=", "<", ">", "="}

// Expect reads a list of thresholds, like lost=0,p99<50ms. The error is one line that says what there is.
func Expect(list string) ([]Expectation, error) {
	var all []Expectation
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		e, err := expectation(text)
		if err != nil {
			return nil, fmt.Errorf("--expect %q: %w", text, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func expectation(text string) (Expectation, error) {
	at, op := -1, ""
	for _, o := range operators {
		if i := strings.Index(text, o); i >= 0 && (at < 0 || i < at) {
			at, op = i, o
		}
	}
	if at < 0 {
		return Expectation{}, fmt.Errorf("there is no <, <=, =, >= or > in it, as in lost=0 or p99<50ms")
	}
	e := Expectation{Text: text, op: op}
	name := strings.TrimSpace(text[:at])
	for _, m := range []load.Mode{load.Echo, load.Fanout, load.Idle, load.Storm, load.Soak} {
		if rest, found := strings.CutPrefix(name, string(m)+"."); found {
			e.mode, name = m, rest
		}
	}
	i := slices.IndexFunc(metrics, func(m metric) bool { return m.name == name })
	if i < 0 {
		return e, fmt.Errorf("there is no %q: there are %s", name, strings.Join(names(), ", "))
	}
	e.metric = metrics[i]
	var err error
	e.value, err = e.metric.unit.parse(strings.TrimSpace(text[at+len(op):]))
	return e, err
}

func names() (list []string) {
	for _, m := range metrics {
		list = append(list, m.name)
	}
	return list
}

// ExpectHelp lists what can be expected.
func ExpectHelp() string {
	var b strings.Builder
	for _, m := range metrics {
		fmt.Fprintf(&b, "%-14s %s\n", m.name, m.help)
	}
	return b.String()
}

// Verdict is what became of an expectation.
type Verdict struct {
	Expectation string `json:"expectation"`
	Met         bool   `json:"met"`
	Found       string `json:"found"` // what there was in its place
}

// Judge holds results against expectations. One that says nothing of a mode has to hold for each result that has the figure, and
// there has to be one: what nobody measured is not what was expected.
func Judge(all []Expectation, results []load.Result) (verdicts []Verdict) {
	for _, e := range all {
		v := Verdict{Expectation: e.Text, Met: true}
		for i := range results {
			r := &results[i]
			if e.mode != "" && e.mode != r.Plan.Mode {
				continue
			}
			value, measured := e.metric.value(r)
			if !measured {
				continue
			}
			if met := e.holds(value); v.Found == "" || !met && v.Met {
				v.Found, v.Met = string(r.Plan.Mode)+" "+e.metric.unit.show(value), met
			}
		}
		if v.Found == "" {
			v.Met, v.Found = false, "not measured"
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (e *Expectation) holds(v float64) bool {
	switch e.op {
	case "<":
		return v < e.value
	case "<=":
		return v <= e.value
	case ">":
		return v > e.value
	case ">=":
		return v >= e.value
	default:
		return v == e.value
	}
}

// Met says whether all were.
func Met(verdicts []Verdict) bool {
	return !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !v.Met })
}
