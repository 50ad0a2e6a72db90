package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help":           {[]string{"-h"}, 0, "usage: bench"},
		"unknown flag":   {[]string{"-nonsense"}, 2, "-nonsense"},
		"unknown figure": {[]string{"idle", "speed"}, 2, `no figure "speed"`},
		"no pairs":       {[]string{"-pairs", "0"}, 2, "at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(test.args, &bytes.Buffer{}, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("code %d: %s", code, stderr.String())
			}
		})
	}
}

func TestMeasure(t *testing.T) {
	missed := figure{"a", "one that misses", func(_ context.Context, b *bench) error {
		b.add(row{"a", "≤ 1 µs", "2 µs", verdict(false)}, info("  more", "%d", 7))
		return nil
	}}
	broken := figure{"b", "one that breaks", func(context.Context, *bench) error { return errors.New("no server") }}
	var stdout, stderr bytes.Buffer
	b := bench{hub: "there"}
	err := b.measure(t.Context(), []figure{broken, missed}, &stdout, &stderr)
	if err == nil || err.Error() != "b: no server" {
		t.Errorf("error %v", err)
	}
	const want = "\nfigure  target  measured  verdict\na       ≤ 1 µs  2 µs      MISSED\n  more          7\n\n"
	if !strings.HasPrefix(stdout.String(), want) || !strings.Contains(stdout.String(), "kernel") {
		t.Errorf("got\n%s\nwant\n%s", stdout.String(), want)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 3}, 3}, {[]float64{4, 1, 9, 2}, 3}} {
		if got := median(test.of); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.of, got, test.want)
		}
	}
}
