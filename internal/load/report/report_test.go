package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hubbub/internal/load"
	"hubbub/internal/load/dialect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// results are two measurements that went well, and a third that was ended early.
func results() []load.Result {
	fanout := load.Result{
		Plan: load.Plan{
			Mode: load.Fanout, Dialect: dialect.Hubbub, URLs: []string{"ws://127.0.0.1:1"}, Rooms: 1, Members: 1000, Publishers: 10, Size: 128,
			Rate: 200, Processes: 1, ServerPID: []int{1}, Duration: 4 * time.Second,
		},
		Began: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Machine: load.Machine{Cores: 2, CPU: "Somebody's CPU", Load: "0.10 0.20 0.30"},
		Mail: load.Tally{Sent: 1000, Expected: 1_000_000, Delivered: 1_000_000}, Open: 1000,
		Latency:  load.Latency{P50: 10 * time.Millisecond, P90: 20 * time.Millisecond, P99: 41 * time.Millisecond, P999: 50 * time.Millisecond, Max: 60 * time.Millisecond},
		Curve:    []load.Step{{Quantile: 0, Latency: time.Millisecond, Count: 1}, {Quantile: 0.99, Latency: 41 * time.Millisecond, Count: 990_000}, {Quantile: 1, Latency: 60 * time.Millisecond, Count: 1_000_000}},
		Delivery: load.Cost{Messages: 1_000_000, Server: 2900 * time.Millisecond, Client: 1100 * time.Millisecond}, PerSecond: 200_000,
		Before: 10 << 20, Most: 25 << 20, Busiest: 0.25,
		Points: []load.Point{
			{At: 1, Phase: "warming up", Open: 1000, Sent: 200, Delivered: 200_000, RSS: 20 << 20, ServerCPU: 0.5},
			{At: 2, Phase: "measuring", Open: 1000, Sent: 200, Delivered: 200_000, RSS: 25 << 20, ServerCPU: 0.5, Latency: load.Latency{P50: 1, P90: 2, P99: 3, Max: 4}},
		},
	}
	idle := load.Result{
		Plan: load.Plan{Mode: load.Idle, Dialect: dialect.Hubbub, Rooms: 100, Members: 100, ServerPID: []int{1}, Publishers: 1},
		Open: 10_000, Joined: 1650, Resting: 0.012, Connects: 8000, Connect: load.Cost{Messages: 10_000, Server: time.Second},
	}
	soak := fanout
	soak.Plan.Mode, soak.Interrupted, soak.Growth = load.Soak, true, -3<<20
	soak.Points = []load.Point{{At: 1, Phase: "measuring"}, {At: 7200, Phase: "measuring"}}
	soak.Mail.Lost, soak.Mail.Errors = 2, map[string]int{"</script><b>oh": 1}
	soak.Limits = []string{"a client process was busy 97 % of the time"}
	return []load.Result{fanout, idle, soak}
}

func TestExpect(t *testing.T) {
	all := results()
	for text, want := range map[string]string{
		"lost=0":             "lost=0: false (soak 2)",
		"fanout.lost=0":      "fanout.lost=0: true (fanout 0)",
		"p99<50ms":           "p99<50ms: true (fanout 41.0 ms)",
		"fanout.p99 <= 41ms": "fanout.p99 <= 41ms: true (fanout 41.0 ms)",
		"p99<41ms":           "p99<41ms: false (fanout 41.0 ms)",
		"p99.9>49.5ms":       "p99.9>49.5ms: true (fanout 50.0 ms)",
		"cpu<3us":            "cpu<3us: true (fanout 2.90 µs)",
		"memory<2KB":         "memory<2KB: true (idle 1.61 KB)",
		"idle-cpu<=1.2%":     "idle-cpu<=1.2%: true (idle 1.2 %)",
		"rate>=200000":       "rate>=200000: true (fanout 200,000/s)",
		"growth<1MB":         "growth<1MB: true (soak −3.00 MB)",
		"storm<1s":           "storm<1s: false (not measured)",
		"storm.lost=0":       "storm.lost=0: false (not measured)",
		"errors=0":           "errors=0: false (soak 1)",
	} {
		e, err := Expect(" " + text + " ,")
		if err != nil || len(e) != 1 {
			t.Errorf("%s: %v, %v", text, e, err)
			continue
		}
		v := Judge(e, all)[0]
		got := v.Expectation + ": " + map[bool]string{true: "true", false: "false"}[v.Met] + " (" + v.Found + ")"
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for text, want := range map[string]string{
		"lost":        "no <, <=, =, >= or >",
		"speed>3":     `there is no "speed": there are sent, `,
		"p99<50":      `"50" is no time`,
		"lost=none":   `"none" is no number`,
		"walk.lost=0": `there is no "walk.lost"`,
		"memory<xKB":  `"X" is no number`,
	} {
		if _, err := Expect(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %s", text, err, want)
		}
	}
	if e, err := Expect(""); err != nil || len(e) != 0 || !Met(Judge(e, all)) {
		t.Error("nothing expected is not met")
	}
	help := ExpectHelp()
	for _, m := range metrics {
		if !strings.Contains(help, m.name) {
			t.Errorf("the help lacks %s", m.name)
		}
	}
}

func TestText(t *testing.T) {
	var one, all bytes.Buffer
	Text(&one, results()[:1], []Verdict{{"lost=0", true, "fanout 0"}})
	for _, want := range []string{
		"fanout, dialect hubbub: 1 room × 1,000 members, 128 bytes, 200 messages/s a room by schedule\n",
		"  mail        1,000 sent · 1,000,000 delivered · 0 lost · 0 duplicated · 0 reordered\n",
		"p50 10.0 ms · p90 20.0 ms · p99 41.0 ms · p99.9 50.0 ms · max 60.0 ms\n",
		"200,000/s · 2.90 µs of server CPU each · 1.10 µs of ours\n", "load 0.10 0.20 0.30 before", "lost=0: met (fanout 0)\n",
	} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, &one)
		}
	}
	Text(&all, results(), []Verdict{{"lost=0", false, "soak 2"}})
	for _, want := range []string{
		"\nidle: 10,000 sockets in 100 rooms ", "100 µs a connect  1.61 KB a socket", "(ended early)", "soak: 1000 sent, 1000000 of 1000000 delivered, 2 lost",
		"LIMIT: soak: a client process was busy", "lost=0: NOT MET (soak 2)",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, &all)
		}
	}
}

// TestOccupied: what others did before is said of the first result, and of no later one.
func TestOccupied(t *testing.T) {
	all := results()
	for i := range all {
		all[i].Machine.Load = "1.90 1 1"
	}
	all[0].Machine.Cores = 2
	var b bytes.Buffer
	Text(&b, all, nil)
	if n := strings.Count(b.String(), "LIMIT: fanout: the machine was busy before this began (load 1.90 1 1)\n"); n != 1 || strings.Count(b.String(), "was busy before") != 1 {
		t.Errorf("%s", &b)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, results(), nil); err != nil {
		t.Fatal(err)
	}
	var d struct {
		Met     bool
		Results []struct {
			Mode    string
			Metrics map[string]float64
			Points  []struct {
				P99    *float64
				Socket *float64
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	r := d.Results[0]
	if !d.Met || r.Metrics["p99"] != 0.041 || r.Metrics["cpu"] != 2.9e-6 || r.Metrics["lost"] != 0 {
		t.Errorf("%v, met %v", r.Metrics, d.Met)
	}
	if _, there := r.Metrics["storm"]; there {
		t.Error("a figure that nobody measured")
	}
	if r.Points[0].P99 != nil || *r.Points[1].P99 != 3e-9 || *r.Points[1].Socket != 15728.6 {
		t.Errorf("%+v", r.Points)
	}
}

// TestPage: it is whole, it is one file, and nothing in it comes from elsewhere or runs that should not.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	err := Page(&b, Plotter{Script: []byte("export default function uPlot() {}"), Style: []byte(".uplot {}")}, results(), []Verdict{{"lost=0", false, "soak 2"}})
	if err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"<title>hubbub bench</title>", "Fan-out", "Idle sockets", "Not all that was expected holds", "not met (soak 2)", "export default function uPlot() {}",
		".uplot {}", "1 May 2026, 12:00", "2.90 µs", "1.61 KB", "a client process was busy 97 % of the time", "ended early", "\n</html>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("%d scripts end, want 2: what a server said must not end one", n)
	}
	if found := regexp.MustCompile(`(?:src|href)="[^"]*"`).FindAllString(page, -1); len(found) != 1 || found[0] != `href="data:,"` {
		t.Errorf("it refers to %q", found)
	}
	_, data, _ := strings.Cut(page, `<script type="application/json" id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	var d document
	if err := json.Unmarshal([]byte(data), &d); err != nil || len(d.Results) != 3 || len(d.Results[0].Points) != 2 {
		t.Errorf("its data: %v", err)
	}
}

func TestProgress(t *testing.T) {
	var plain, drawn bytes.Buffer
	for _, p := range []*Progress{{W: &plain}, {W: &drawn, Width: 60}} {
		r := results()[0]
		p.Begin(r.Plan)
		for _, at := range []load.Point{
			{At: 0.1, Phase: "opening", Open: 250},
			{At: 1, Phase: "opening", Open: 500, Connects: 5000},
			{At: 2, Phase: "measuring", Open: 1000},
			{At: 4, Phase: "measuring", Open: 1000, Sent: 200, Delivered: 200_000, Latency: load.Latency{P99: 41 * time.Millisecond}, RSS: 25 << 20, ServerCPU: 0.5, ClientCPU: 0.25, Stolen: 0.1},
		} {
			p.Point(at)
		}
		p.End()
	}
	if want := "fanout …\n" +
		"fanout opening    1s · 500 open · 5,000 connects/s · client 0 %\n" +
		"fanout measuring  2s/4s · 1,000 open · 200 sent/s, 200,000 delivered/s · p99 41.0 ms · server 50 % of a core, 25.0 MB · client 25 % · stolen 10 %\n"; plain.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &plain, want)
	}
	last := drawn.String()
	for _, want := range []string{"\rfanout opening    [█████···············] 0s", "[██████████··········] 2s/4s · 1,000 open", "\r\x1b[K"} {
		if !strings.Contains(last, want) {
			t.Errorf("it lacks %q: %q", want, last)
		}
	}
	for line := range strings.SplitSeq(last, "\r") {
		if n := len([]rune(strings.TrimSuffix(line, "\x1b[K"))); n >= 60 {
			t.Errorf("%q has %d characters", line, n)
		}
	}
}

func TestShow(t *testing.T) {
	for _, test := range []struct {
		u    unit
		v    float64
		want string
	}{
		{duration, 12, "12.0 ns"},
		{duration, 2900, "2.90 µs"},
		{duration, 1.5e9, "1.50 s"},
		{duration, 2.5e11, "250 s"},
		{size, 0, "0.00 B"},
		{size, 1650, "1.61 KB"},
		{size, -5 << 20, "−5.00 MB"},
		{size, 3 << 30, "3.00 GB"},
		{share, 0.123, "12.3 %"},
		{count, 0, "0"},
		{count, 999, "999"},
		{count, 1e6, "1,000,000"},
		{count, -1234, "-1,234"},
		{rate, 123456.7, "123,456/s"},
	} {
		if got := test.u.show(test.v); got != test.want {
			t.Errorf("%v: %q, want %q", test.v, got, test.want)
		}
	}
}
