// Package report is what came of measurements, for people and for programs: a table, a line a second while it goes on, JSON,
// a page with plots, and the thresholds that make an exit code of it.
package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hubbub/internal/load"
)

// unit is what a metric is counted in.
type unit uint8

const (
	count unit = iota
	rate       // a second
	duration
	size // bytes
	share
)

// metric is one figure of a result.
type metric struct {
	name  string
	help  string
	unit  unit
	value func(r *load.Result) (v float64, measured bool)
}

// metrics are all of them, in the order in which they are told.
var metrics = []metric{
	{"sent", "messages published", count, always(func(r *load.Result) int64 { return r.Mail.Sent })},
	{"expected", "deliveries that had to follow", count, always(func(r *load.Result) int64 { return r.Mail.Expected })},
	{"delivered", "deliveries that came", count, always(func(r *load.Result) int64 { return r.Mail.Delivered })},
	{"lost", "never came", count, always(func(r *load.Result) int64 { return r.Mail.Lost })},
	{"duplicated", "came again", count, always(func(r *load.Result) int64 { return r.Mail.Duplicated })},
	{"reordered", "came after a later one of the same publisher", count, always(func(r *load.Result) int64 { return r.Mail.Reordered })},
	{"strays", "came to somebody they were not for, or broken", count, always(func(r *load.Result) int64 { return r.Mail.Strays })},
	{"errors", "error answers of the server", count, always(func(r *load.Result) int64 { return sum(r.Mail.Errors) })},
	{"closed", "sockets that the server closed", count, always(func(r *load.Result) int64 { return sum(r.Mail.Closes) })},
	{"open", "sockets at the end", count, always(func(r *load.Result) int64 { return int64(r.Open) })},
	{"p50", "latency, by percentile", duration, late(func(l load.Latency) time.Duration { return l.P50 })},
	{"p90", "", duration, late(func(l load.Latency) time.Duration { return l.P90 })},
	{"p99", "", duration, late(func(l load.Latency) time.Duration { return l.P99 })},
	{"p99.9", "", duration, late(func(l load.Latency) time.Duration { return l.P999 })},
	{"max", "", duration, late(func(l load.Latency) time.Duration { return l.Max })},
	{"rate", "deliveries a second", rate, ifAbove(func(r *load.Result) float64 { return r.PerSecond })},
	{"cpu", "the server's CPU for a delivery", duration, ifAbove(func(r *load.Result) float64 { return each(r.Delivery, r.Delivery.Server) })},
	{"client-cpu", "our own for one", duration, ifAbove(func(r *load.Result) float64 { return each(r.Delivery, r.Delivery.Client) })},
	{"behind", "how late we sent ourselves, p99", duration, ifAbove(func(r *load.Result) float64 { return float64(r.Behind) })},
	{"busy", "share of its time, of our busiest process", share, ifAbove(func(r *load.Result) float64 { return r.Busiest })},
	{"connects", "connects a second", rate, ifAbove(func(r *load.Result) float64 { return r.Connects })},
	{"connect-p99", "from when a connect was due to the end of its handshake", duration, ifAbove(func(r *load.Result) float64 { return float64(r.Connecting.P99) })},
	{"connect-cpu", "the server's CPU for a connect", duration, ifAbove(func(r *load.Result) float64 { return each(r.Connect, r.Connect.Server) })},
	{"memory", "the server's memory for an idle socket", size, ifAbove(func(r *load.Result) float64 { return float64(r.Joined) })},
	{"memory-spoken", "the same after each has spoken", size, ifAbove(func(r *load.Result) float64 { return float64(r.Spoken) })},
	{"rss", "the most memory the server had", size, ifAbove(func(r *load.Result) float64 { return float64(r.Most) })},
	{"idle-cpu", "cores the server needs while everybody is silent", share, idleCPU},
	{"storm", "until all had what they missed", duration, ifAbove(func(r *load.Result) float64 { return float64(r.Storm) })},
	{"growth", "of the server's memory an hour, in a soak", size, growth},
}

func always(f func(r *load.Result) int64) func(r *load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) { return float64(f(r)), true }
}

// ifAbove is for figures that are above 0 if there are any.
func ifAbove(f func(r *load.Result) float64) func(r *load.Result) (float64, bool) {
	return func(r *load.Result) (float64, bool) {
		v := f(r)
		return v, v > 0
	}
}

func late(f func(l load.Latency) time.Duration) func(r *load.Result) (float64, bool) {
	return ifAbove(func(r *load.Result) float64 { return float64(f(r.Latency)) })
}

func each(c load.Cost, d time.Duration) float64 {
	if c.Messages == 0 {
		return 0
	}
	return float64(d) / float64(c.Messages)
}

func known(r *load.Result) bool { return len(r.Plan.ServerPID) > 0 }

func idleCPU(r *load.Result) (float64, bool) { return r.Resting, r.Plan.Mode == load.Idle && known(r) }

// growth of a minute says nothing about hours.
func growth(r *load.Result) (float64, bool) {
	long := len(r.Points) > 0 && r.Points[len(r.Points)-1].At > 120
	return r.Growth, r.Plan.Mode == load.Soak && known(r) && long
}

func sum[K comparable](m map[K]int) (n int64) {
	for _, v := range m {
		n += int64(v)
	}
	return n
}

// show is a value as people read it.
func (u unit) show(v float64) string {
	switch u {
	case duration:
		return showTime(v)
	case size:
		return showSize(v)
	case share:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	case rate:
		return thousands(int64(v)) + "/s"
	default:
		return thousands(int64(v))
	}
}

// showTime is nanoseconds in three digits.
func showTime(ns float64) string {
	for _, u := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.ns {
			return digits(ns/u.ns) + " " + u.name
		}
	}
	return digits(ns) + " ns"
}

func showSize(bytes float64) string {
	sign := ""
	if bytes < 0 {
		sign, bytes = "−", -bytes
	}
	for _, u := range []struct {
		bytes float64
		name  string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if bytes >= u.bytes {
			return sign + digits(bytes/u.bytes) + " " + u.name
		}
	}
	return sign + digits(bytes) + " B"
}

// digits leaves three of them.
func digits(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// thousands writes 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// parse reads a value as one would type it: 50ms, 6KB, 3%, 1000.
func (u unit) parse(text string) (float64, error) {
	switch u {
	case duration:
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			return 0, fmt.Errorf("%q is no time, write it like 50ms or 2.5us", text)
		}
		return float64(d), nil
	case size:
		return parseSize(text)
	case share:
		if number, found := strings.CutSuffix(text, "%"); found {
			v, err := number64(number)
			return v / 100, err
		}
	}
	return number64(text)
}

func parseSize(text string) (float64, error) {
	upper := strings.ToUpper(strings.ReplaceAll(text, "i", ""))
	for i, suffix := range []string{"KB", "MB", "GB"} {
		if number, found := strings.CutSuffix(upper, suffix); found {
			v, err := number64(number)
			return v * float64(int64(1)<<(10*(i+1))), err
		}
	}
	return number64(strings.TrimSuffix(upper, "B"))
}

func number64(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return v, nil
}
