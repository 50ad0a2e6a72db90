package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"hubbub/internal/load"
)

// TestMain also is the server that the tests start: this very binary, told by its environment what to be.
func TestMain(m *testing.M) {
	switch os.Getenv("BENCH_TEST_SERVER") {
	case "":
		goleak.VerifyTestMain(m)
	case "listens":
		stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		fmt.Fprintf(os.Stderr, "hello\ntime=… msg=%q\nGOGC=%s\n", "the page is at http://localhost:1234/", os.Getenv("GOGC"))
		<-stop.Done()
	case "fails":
		fmt.Fprintln(os.Stderr, "port taken")
		os.Exit(1)
	}
}

func TestServer(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOGC", "400")
	t.Setenv("BENCH_TEST_SERVER", "listens")
	s, err := startServer(t.Context(), me)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if want := (load.Target{URL: "ws://127.0.0.1:1234", PID: s.process.Process.Pid}); s.Target != want {
		t.Errorf("target %+v, want %+v", s.Target, want)
	}
	if written := s.written.String(); !strings.HasSuffix(written, "\nGOGC=") {
		t.Errorf("it wrote %q, and should not have our GOGC", written)
	}
	t.Setenv("BENCH_TEST_SERVER", "fails")
	if _, err := startServer(t.Context(), me); err == nil || !strings.Contains(err.Error(), "port taken") {
		t.Errorf("error %v, want one with what it wrote", err)
	}
}

func TestAddress(t *testing.T) {
	for line, want := range map[string]string{
		"hubbub: the page is at http://localhost:8080/":  "8080",
		`{"msg":"listening","url":"http://[::1]:99"}`:    "99",
		"msg=listening url=http://127.0.0.1:40001":       "40001",
		"http://nowhere/ and then http://localhost:555/": "555",
		"listening on :8080":                             "",
	} {
		got := ""
		if m := address.FindStringSubmatch(line); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s: port %q, want %q", line, got, want)
		}
	}
}

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

func TestBusy(t *testing.T) {
	for load, want := range map[string]bool{"0.90 7 7": false, "1.10 0 0": true, "": false, "?": false} {
		if got := (machine{cores: 2, load: load}).busy(); got != want {
			t.Errorf("load %q on 2 cores: busy is %v", load, got)
		}
	}
}
