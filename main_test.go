package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// asProgram makes the test's binary the program itself, which is what one needs for signals.
const asProgram = "RUN_TEST_BINARY_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m,
		// Both are fasthttp's: one lives as long as the program, one sleeps for ten seconds before it sees that its server is gone.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is for what must happen; a test that passes never waits for it.
const patience = 20 * time.Second

// address finds where the page is in a line of the program's.
var address = regexp.MustCompile(`the page is at http://localhost:(\d+)/`)

// where reads what the program says up to the page's address, and gives its port; the rest goes to the returned buffer,
// which is complete once done is closed.
func where(t *testing.T, said io.Reader) (port string, rest *bytes.Buffer, done chan struct{}) {
	t.Helper()
	lines := bufio.NewReader(said)
	var all strings.Builder
	for port == "" {
		line, err := lines.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			t.Fatalf("it did not say where the page is: %s", all.String())
		}
		if m := address.FindStringSubmatch(line); m != nil {
			port = m[1]
		}
	}
	rest, done = new(bytes.Buffer), make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(rest, lines)
	}()
	return port, rest, done
}

// hubbub runs the program inside the test. stop ends it as a signal would and returns its exit code and what it said.
func hubbub(t *testing.T, args ...string) (port string, stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		defer w.Close()
		code <- run(ctx, append([]string{"--listen=127.0.0.1:0", "--admin=off"}, args...), nil, io.Discard, w)
	}()
	port, rest, done := where(t, r)
	stop = func() (int, string) {
		cancel()
		<-done
		c := <-code
		code <- c
		return c, rest.String()
	}
	t.Cleanup(func() { stop() })
	return port, stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func dial(t *testing.T, url string, protocols ...string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// A transport of its own: the default one keeps connections that the leak check would find.
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: protocols, HTTPClient: &http.Client{Transport: &http.Transport{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hubbub.yaml")
	if err := os.WriteFile(file, []byte("max-rooms: 64\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, env      string
		code           int
		stdout, stderr string // regular expressions
	}{
		{"--help", "", 0, `(?s)^Usage: hubbub.*serve .*check .*health .*version .*--listen=ADDRESS.*\$HUBBUB_LISTEN.*--config=FILE`, `^$`},
		{"serve --help", "", 0, `(?s)^Usage: hubbub serve.*--listen=ADDRESS`, `^$`},
		{"version", "", 0, `^hubbub \S+ \(commit \w+, go1\.\S+, \w+/\w+\)\n$`, `^$`},
		{"check", "", 0, `(?s)^The settings are fine\.\n  listen +:8080 +default\n`, `^$`},
		{"check --ping 30s --config " + file, "HUBBUB_LISTEN=:1", 0, `(?s)\n  listen +:1 +HUBBUB_LISTEN\n.*  max-rooms +64 +` + file + `:1: max-rooms\n.*  ping +30s +--ping\n`, `^$`},
		{"check --pong 30s", "", 2, `^$`, `^hubbub: unknown flag --pong, did you mean "--ping"\? .*\n$`},
		{"check --ping 1ms --max-rooms 0", "", 2, `^$`, `^hubbub: --max-rooms: .*\nhubbub: --ping: 1ms is out of range, use 1s to 1h\n$`},
		{"check", "HUBBUB_PNG=1s", 0, `fine`, `^hubbub: warning: HUBBUB_PNG is no setting and is ignored, did you mean HUBBUB_PING\?\n$`},
		{"--ping x", "", 2, `^$`, `^hubbub: --ping: "x" is no length of time, .*\n$`},
		{"--redis-url tcp://h", "", 2, `^$`, `^hubbub: --redis-url: the scheme tcp is not known: use redis, .*\n$`},
		{"check", "REDIS_URL=h:6379", 2, `^$`, `^hubbub: REDIS_URL: it has no scheme: .*\n$`},
		{"check --redis-url redis://h --redis-ca x", "", 2, `^$`, `^hubbub: --redis-ca, .*: write rediss in place of redis\n$`},
		{"--redis-url rediss://h --redis-ca /nowhere", "", 2, `^$`, `^hubbub: --redis-ca, .*: open /nowhere: .*\n$`},
		{"--redis-url rediss://h --redis-cert x", "", 2, `^$`, `^hubbub: --redis-ca, .*: name both files\n$`},
		{"serve --config /nowhere", "", 2, `^$`, `^hubbub: /nowhere: .*\n$`},
		{"sevre", "", 2, `^$`, `^hubbub: unexpected argument sevre .*\n$`},
		{"health --listen :0", "", 1, `^$`, `^hubbub: --listen :0 lets the system choose .*\n$`},
		{"health", "HUBBUB_PING=x", 1, `^$`, `^hubbub: HUBBUB_PING: .*\n$`},
		{"--listen 192.0.2.1:0", "", 1, `^$`, `^hubbub: --listen 192\.0\.2\.1:0 cannot be listened on .*\n$`},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), strings.Fields(c.env), &stdout, &stderr)
		if code != c.code {
			t.Errorf("hubbub %s: exit code %d, want %d", c.args, code, c.code)
		}
		for _, said := range [][2]string{{c.stdout, stdout.String()}, {c.stderr, stderr.String()}} {
			if !regexp.MustCompile(said[0]).MatchString(said[1]) {
				t.Errorf("hubbub %s %s said %q, want %s", c.env, c.args, said[1], said[0])
			}
		}
	}
}

// TestServe: all three ways to ask for it.
func TestServe(t *testing.T) {
	for _, args := range [][]string{nil, {"--max-rooms=7"}, {"--log-format=json"}} {
		port, stop := hubbub(t, args...)
		if status, body := get(t, "http://127.0.0.1:"+port+"/health"); status != 200 || body != `{"status":"healthy"}` {
			t.Errorf("/health: %d %s", status, body)
		}
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{"health", "--listen=127.0.0.1:" + port}, nil, io.Discard, &stderr); code != exitOK {
			t.Errorf("hubbub health: %d %s", code, &stderr)
		}
		if code, said := stop(); code != exitOK {
			t.Errorf("%v: exit code %d: %s", args, code, said)
		}
		if code := run(t.Context(), []string{"health", "--listen=127.0.0.1:" + port}, nil, io.Discard, io.Discard); code != exitFailed {
			t.Errorf("hubbub health of nobody: %d", code)
		}
	}
}

// TestSettingsReachTheirPlace follows some settings to where a client sees them.
func TestSettingsReachTheirPlace(t *testing.T) {
	port, _ := hubbub(t, "--instance=left", "--max-rooms=7", "--max-message=1KiB", "--ping=11s")
	c := dial(t, "ws://127.0.0.1:"+port+"/ws/alice", "hubbub.v1")
	_, welcome, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"instance":"left"`, `"rooms":7`, `"message":1024`, `"ping":11`} {
		if !strings.Contains(string(welcome), want) {
			t.Errorf("welcome is %s, want %s in it", welcome, want)
		}
	}
}

func TestTakenPorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	for _, c := range []struct{ args, want string }{
		{"--admin=off --listen=" + taken, `^hubbub: port \d+ is taken \(listen tcp .*address already in use\): stop the other program or choose another with --listen 127\.0\.0\.1:\d+\n$`},
		{"--listen=127.0.0.1:0 --admin=" + taken, `^hubbub: port \d+ is taken \(.*\): .* with --admin 127\.0\.0\.1:\d+, or do without it: --admin off\n$`},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), nil, io.Discard, &stderr)
		if code != exitFailed || !regexp.MustCompile(c.want).MatchString(stderr.String()) {
			t.Errorf("%s: %d %s", c.args, code, &stderr)
		}
	}
}

// TestStopTellsClients: a client gets what was under way, then 1012, and the program ends with 0.
func TestStopTellsClients(t *testing.T) {
	port, stop := hubbub(t)
	c := dial(t, "ws://127.0.0.1:"+port+"/ws/alice")
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "Echo: hi" {
		t.Fatalf("%q, %v", got, err)
	}
	closed := make(chan error, 1)
	go func() {
		_, _, err := c.Read(context.Background())
		closed <- err
	}()
	if code, said := stop(); code != exitOK || !strings.Contains(said, "msg=stopped") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if err := <-closed; websocket.CloseStatus(err) != 1012 {
		t.Errorf("the client was told %v, want 1012", err)
	}
}

// program starts the test's binary as the program.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, port string, rest *bytes.Buffer, done chan struct{}) {
	t.Helper()
	cmd = exec.Command(os.Args[0], append([]string{"--listen=127.0.0.1:0"}, args...)...)
	cmd.Env = []string{asProgram + "=1"}
	r, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port, rest, done = where(t, r)
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	return cmd, port, rest, done
}

func TestSignals(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, port, rest, done := program(t, "--admin=off")
		c := dial(t, "ws://127.0.0.1:"+port+"/ws/alice")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 1012 {
			t.Errorf("%v: the client was told %v, want 1012", s, err)
		}
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v: %s", s, err, rest)
		}
	}
}

// TestSecondSignal: the first one begins a stop that takes minutes, the second one ends it. Meanwhile the probes say no.
func TestSecondSignal(t *testing.T) {
	cmd := exec.Command(os.Args[0], "--listen=127.0.0.1:0", "--admin=off", "--drain-delay=10m")
	cmd.Env = []string{asProgram + "=1"}
	r, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(r)
	port := ""
	for lines.Scan() {
		line := lines.Text()
		if m := address.FindStringSubmatch(line); m != nil {
			port = m[1]
			if status, _ := get(t, "http://127.0.0.1:"+port+"/readyz"); status != 200 {
				t.Errorf("/readyz before the first signal: %d", status)
			}
			cmd.Process.Signal(syscall.SIGTERM)
		}
		if strings.Contains(line, "msg=stopping") {
			if status, _ := get(t, "http://127.0.0.1:"+port+"/readyz"); status != 503 {
				t.Errorf("/readyz after the first signal: %d, want 503", status)
			}
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}
