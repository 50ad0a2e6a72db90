package metrics

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hubbub/hub"
	"hubbub/wire"
)

// sample has a different figure in every field.
func sample() hub.Stats {
	s := hub.Stats{
		Connections: [3]int64{wire.Echo: 1, wire.Pipe: 20, wire.JSON: 300}, SlowLane: 21, Rooms: 5, Members: 6, LogBytes: 7,
		MessagesIn: 8, BytesIn: 9, Published: 10, Refused: 11, Delivered: 12, BytesOut: 13, Writes: 14, Gaps: 15, SignalsDropped: 16, SlowEntries: 17,
		Closes:     map[wire.CloseCode]uint64{wire.CloseNormal: 18, wire.CloseStalled: 19},
		LatencySum: 2.5,
	}
	for i := range s.Latency {
		s.Latency[i] = uint64(i + 1)
	}
	return s
}

func options(s hub.Stats) Options {
	return Options{Stats: func() hub.Stats { return s }, Version: "v1.2.3"}
}

func scrape(t *testing.T, o Options) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	handler(withDefaults(o)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func families(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	f, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestScrape finds every field of hub.Stats in its place.
func TestScrape(t *testing.T) {
	got := map[string]float64{}
	for name, family := range families(t, scrape(t, options(sample()))) {
		if !strings.HasPrefix(name, "hubbub_") || family.GetType() == dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range family.Metric {
			key := name
			for _, l := range m.Label {
				if l.GetName() != "goversion" {
					key += " " + l.GetName() + "=" + l.GetValue()
				}
			}
			got[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"hubbub_build_info version=v1.2.3":  1,
		"hubbub_connections dialect=echo":   1,
		"hubbub_connections dialect=pipe":   20,
		"hubbub_connections dialect=json":   300,
		"hubbub_lane_connections lane=slow": 21,
		"hubbub_lane_connections lane=fast": 300,
		"hubbub_rooms":                      5,
		"hubbub_members":                    6,
		"hubbub_log_bytes":                  7,
		"hubbub_messages_received_total":    8,
		"hubbub_received_bytes_total":       9,
		"hubbub_messages_published_total":   10,
		"hubbub_messages_refused_total":     11,
		"hubbub_messages_delivered_total":   12,
		"hubbub_sent_bytes_total":           13,
		"hubbub_writes_total":               14,
		"hubbub_gaps_total":                 15,
		"hubbub_dropped_total kind=signal":  16,
		"hubbub_slow_lane_entered_total":    17,
		"hubbub_closes_total code=1000":     18,
		"hubbub_closes_total code=4001":     19,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHistogram(t *testing.T) {
	family := families(t, scrape(t, options(sample())))["hubbub_delivery_latency_seconds"]
	h := family.GetMetric()[0].GetHistogram()
	n := uint64(len(hub.LatencyBounds)) + 1
	if h.GetSampleCount() != n*(n+1)/2 || h.GetSampleSum() != 2.5 {
		t.Errorf("count %d, sum %v; want %d, 2.5", h.GetSampleCount(), h.GetSampleSum(), n*(n+1)/2)
	}
	for i, b := range h.GetBucket() {
		bound := math.Inf(1)
		if i < len(hub.LatencyBounds) {
			bound = hub.LatencyBounds[i]
		}
		cumulative := uint64(i+1) * uint64(i+2) / 2
		if b.GetUpperBound() != bound || b.GetCumulativeCount() != cumulative {
			t.Errorf("bucket %d: %d up to %v, want %d up to %v", i, b.GetCumulativeCount(), b.GetUpperBound(), cumulative, bound)
		}
	}
	if len(h.GetBucket()) != int(n) {
		t.Errorf("%d buckets, want %d", len(h.GetBucket()), n)
	}
}

// TestMoreSlowThanAll: the two counters are not read at the same moment.
func TestMoreSlowThanAll(t *testing.T) {
	for _, m := range families(t, scrape(t, options(hub.Stats{SlowLane: 1})))["hubbub_lane_connections"].GetMetric() {
		if m.GetGauge().GetValue() < 0 {
			t.Errorf("%v", m)
		}
	}
}

func TestNames(t *testing.T) {
	problems, err := promlint.New(bytes.NewReader(scrape(t, options(sample())))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "hubbub_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
