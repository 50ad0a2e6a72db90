package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hubbub/internal/config"
)

// quickly is what makes a measurement short.
const quickly = " --warm-up=50ms --duration=200ms --grace=2s -q"

// bench runs the command in this process; the hubs and client processes that it starts are this test's binary.
func runBench(t *testing.T, args string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(asProgram, "1")
	var out, said bytes.Buffer
	code = run(t.Context(), append([]string{"bench"}, strings.Fields(args)...), nil, &out, &said)
	return code, out.String(), said.String()
}

// TestBench measures this very hub, in each mode.
func TestBench(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string // a regular expression, of the output
	}{
		{"echo --sockets=5 --expect lost=0,duplicated=0,rate>1", 0, `(?s)^echo, dialect hubbub: 5 sockets, .* · 0 lost · 0 duplicated · 0 reordered\n.*lost=0: met \(echo 0\)\n`},
		{"fanout --members=20 --rate=50 --expect lost=0", 0, `fanout, dialect hubbub: 1 room × 20 members, 128 bytes, 50 messages/s a room by schedule\n`},
		{"fanout --dialect=pipe --rooms=3 --sockets=12 --in-flight=2 --size=40", 0, `dialect pipe: 3 rooms × 4 members, 40 bytes, 2 under way in each\n`},
		{"fanout --sockets=30 --rate=20 --processes=2 --expect open=30,lost=0", 0, `open=30: met`},
		{"storm --sockets=20 --rooms=2 --messages=5 --expect lost=0,delivered=100", 0, `20 members of 2 rooms come back for 5 messages each\n`},
		{"fanout --sockets=10 --rate=10 --expect cpu<1ns", 1, `cpu<1ns: NOT MET`},
		{"--expect=help", 0, `(?m)^lost +never came$`},
	} {
		code, stdout, stderr := runBench(t, c.args+quickly)
		if code != c.code || !regexp.MustCompile(c.want).MatchString(stdout) || stderr != "" {
			t.Errorf("bench %s: code %d, want %d and %s: %s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
}

// TestBenchWithUs measures a hub that is there, and writes JSON and a page.
func TestBenchWithUs(t *testing.T) {
	port, _ := hubbub(t)
	page := filepath.Join(t.TempDir(), "out.html")
	code, stdout, stderr := runBench(t, "fanout ws://127.0.0.1:"+port+" --members=5 --rate=50 --json --report="+page+quickly)
	var d struct {
		Met     bool
		Results []struct{ Metrics map[string]float64 }
	}
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != exitOK || len(d.Results) != 1 || d.Results[0].Metrics["lost"] != 0 || d.Results[0].Metrics["delivered"] == 0 {
		t.Errorf("code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if _, measured := d.Results[0].Metrics["cpu"]; measured {
		t.Error("it says what a server cost whose process it does not know")
	}
	html, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(html, []byte("var uPlot=")) {
		t.Errorf("the page: %v, %d bytes", err, len(html))
	}
}

// TestBenchRefuses: one line that says what to do, and exit code 2.
func TestBenchRefuses(t *testing.T) {
	dir := t.TempDir()
	template := filepath.Join(dir, "silent.yaml")
	if err := os.WriteFile(template, []byte("path: /ws/${client}\nhello: hi\nready: welcome\npublish: '${payload}'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port, _ := hubbub(t)
	here := " ws://127.0.0.1:" + port
	for args, want := range map[string]string{
		"walk":                                 `there is no mode "walk"`,
		"echo fanout":                          "one mode at a time",
		"fanout --rate=1 --in-flight=1":        "exclude each other",
		"fanout --sockets=1 --members=1":       "exclude each other",
		"fanout --rate=x":                      `--rate: "x" is no number`,
		"fanout --size=8":                      "at least 32",
		"echo ws://127.0.0.1:1":                "nothing answers at 127.0.0.1:1",
		"echo wss://127.0.0.1:1":               "TLS is not spoken",
		"echo --dialect=stomp":                 `there is no dialect "stomp"`,
		"echo --dialect=template":              "needs the file",
		"echo --template=/nowhere.yaml":        "/nowhere.yaml: no such file",
		"echo --dialect=plain-echo":            "name the URL",
		"echo --instances=2":                   "through a Redis",
		"echo --hub-flags=--ping=1s" + here:    "a URL is given",
		"echo --hub-flags=--pong=1s":           "unknown flag --pong",
		"echo --report=/nowhere/out.html":      "--report: open /nowhere/out.html",
		"echo --expect=fast":                   `--expect "fast"`,
		"storm --dialect=pipe":                 "nothing in pipe says how to resume",
		"fanout --sockets=3000000":             "`ulimit -n 3000050`",
		"echo --server-pid=4999999" + here:     "--server-pid: ",
		"fanout" + here + "/nothing/at/all":    "it refused the upgrade: HTTP/1.1 404",
		"fanout --template=" + template + here: `ready ("welcome") did not come; what came first was Echo: hi`,
	} {
		code, stdout, stderr := runBench(t, args+quickly)
		if code != exitUsage || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("bench %s: code %d, want one line with %q: %s%s", args, code, want, stdout, stderr)
		}
	}
}

// TestBenchInterrupted: the signal ends it early, with what there is.
func TestBenchInterrupted(t *testing.T) {
	t.Setenv(asProgram, "1")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var out bytes.Buffer
	code := make(chan int, 1)
	go func() {
		defer w.Close()
		code <- run(ctx, strings.Fields("bench fanout --members=10 --rate=50 --warm-up=50ms --duration=1h --expect lost=0"), nil, &out, w)
	}()
	buffer := make([]byte, 1<<10)
	for said := ""; !strings.Contains(said, "measuring"); {
		n, err := r.Read(buffer)
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		said += string(buffer[:n])
	}
	cancel()
	_, _ = io.Copy(io.Discard, r)
	if c := <-code; c != exitOK || !strings.Contains(out.String(), "ended early") || !strings.Contains(out.String(), "lost=0: met") {
		t.Errorf("code %d: %s", c, &out)
	}
}

// TestTour: what all is made of, for servers that can more and less.
func TestTour(t *testing.T) {
	for _, c := range []struct {
		asked config.Bench
		want  string
	}{
		{config.Bench{Dialect: "hubbub"}, "idle 100×100, echo 100×1, fanout 1×1000, fanout 1×1000, fanout 20×50, storm 100×50"},
		{config.Bench{Dialect: "pipe", Sockets: 60, Rooms: 6}, "idle 6×10, fanout 6×10, fanout 6×10"},
		{config.Bench{Dialect: "plain-echo"}, "idle 10000×1, echo 100×1"},
		{config.Bench{Dialect: "broadcast"}, "idle 1×10000, fanout 1×1000, fanout 1×1000"},
	} {
		d, err := dialectOf(&c.asked)
		if err != nil {
			t.Fatal(err)
		}
		all, err := plans(&c.asked, "all", d)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range all {
			got = append(got, fmt.Sprintf("%s %d×%d", p.Mode, p.Rooms, p.Members))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", c.asked.Dialect, strings.Join(got, ", "), c.want)
		}
	}
}
