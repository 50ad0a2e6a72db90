package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// These tests build the program, start it as a user would, and talk to it with a WebSocket client that is not ours.

// built builds the program, once for all tests. Its processes carry the race detector.
var built = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hubbub-race")
	out, err := exec.Command("go", "build", "-race", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// begin starts the built program; stop ends it as a user would and wants exit code 0 and no data race.
func begin(t *testing.T, args ...string) (port string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"--listen", "127.0.0.1:0", "--admin", "off"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port, rest, done := where(t, stderr)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if err := cmd.Wait(); err != nil || strings.Contains(rest.String(), "DATA RACE") || strings.Contains(rest.String(), "panic") {
			t.Errorf("it ended with %v: %s", err, rest)
		}
	})
	return port
}

// person is somebody who speaks the JSON dialect.
type person struct {
	t *testing.T
	c *websocket.Conn
}

func (p person) say(format string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Fatal(err)
	}
}

// hears waits for an event; an error or a gap before it is none that it expects.
func (p person) hears(want string) map[string]any {
	p.t.Helper()
	return p.waits(want, func(other string) bool { return other == "error" || other == "gap" })
}

func (p person) waits(want string, bad func(other string) bool) map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		_, b, err := p.c.Read(ctx)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", want, err)
		}
		var e map[string]any
		if err := json.Unmarshal(b, &e); err != nil {
			p.t.Fatalf("%s: %v", b, err)
		}
		if e["type"] == want {
			return e
		}
		if other, _ := e["type"].(string); bad(other) {
			p.t.Fatalf("waiting for %s: %s", want, b)
		}
	}
}

func join(t *testing.T, port, name, room, more string) person {
	t.Helper()
	p := person{t, dial(t, "ws://127.0.0.1:"+port+"/ws/"+name, "hubbub.v1")}
	p.c.SetReadLimit(1 << 20)
	p.hears("welcome")
	p.say(`{"type":"join","ref":1,"room":%q%s}`, room, more)
	p.hears("joined")
	return p
}

func TestTalk(t *testing.T) {
	port := begin(t, "--history-messages", "10000") // more than is sent: a reader that lags must get it all
	url := "ws://127.0.0.1:" + port + "/ws/"
	t.Run("echo", func(t *testing.T) {
		c := dial(t, url+"alice")
		for _, m := range []string{"hi", "", strings.Repeat("ü", 30_000)} {
			if err := c.Write(t.Context(), websocket.MessageText, []byte(m)); err != nil {
				t.Fatal(err)
			}
			c.SetReadLimit(1 << 20)
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != "Echo: "+m {
				t.Fatalf("%.50q, %v", got, err)
			}
		}
	})
	t.Run("two people and a device", func(t *testing.T) {
		alice, bob := join(t, port, "alice", "lobby", ""), join(t, port, "bob", "lobby", "")
		dev := dial(t, url+"dev?room=lobby&echo=0")
		alice.say(`{"type":"publish","ref":2,"room":"lobby","data":"hi bob"}`)
		if e := bob.hears("message"); e["data"] != "hi bob" || e["from"] != "alice" {
			t.Error(e)
		}
		if _, b, err := dev.Read(t.Context()); err != nil || string(b) != "hi bob" {
			t.Errorf("%q %v", b, err)
		}
		if err := dev.Write(t.Context(), websocket.MessageBinary, []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if e := bob.hears("message"); e["base64"] != "AQID" || e["from"] != "dev" {
			t.Error(e)
		}
	})
	t.Run("resume", func(t *testing.T) {
		alice, bob := join(t, port, "alice", "resume", ""), join(t, port, "bob", "resume", "")
		alice.say(`{"type":"publish","ref":2,"room":"resume","data":1}`)
		e := alice.hears("published")
		bob.hears("message")
		bob.c.CloseNow()
		for i := 2; i <= 300; i++ {
			alice.say(`{"type":"publish","room":"resume","data":%d}`, i)
		}
		at, _ := json.Marshal(e["position"])
		bob = join(t, port, "bob", "resume", `,"after":`+string(at))
		for i := 2; i <= 300; i++ {
			if e := bob.hears("message"); e["data"] != float64(i) || e["offset"] != float64(i) {
				t.Fatalf("%d: %v", i, e)
			}
		}
	})
	t.Run("many at once", func(t *testing.T) { crowd(t, port) })
	t.Run("hostile neighbours", func(t *testing.T) { neighbours(t, port) })
}

// crowd has many people talk at once in one room: everybody hears everything, each message once, in one order.
func crowd(t *testing.T, port string) {
	const people, each = 12, 100
	var all []person
	for i := range people {
		all = append(all, join(t, port, fmt.Sprint("p", i), "crowd", ""))
	}
	var talking sync.WaitGroup
	for i, p := range all {
		talking.Go(func() {
			for n := range each {
				if err := p.c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"type":"publish","room":"crowd","data":"%d.%d"}`, i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	heard := make([]string, people)
	for i, p := range all {
		talking.Go(func() {
			var order strings.Builder
			for n := range people * each {
				e := p.hears("message")
				if e["offset"] != float64(n+1) {
					t.Errorf("%v comes as %d", e["offset"], n+1)
					return
				}
				fmt.Fprintln(&order, e["data"])
			}
			heard[i] = order.String()
		})
	}
	talking.Wait()
	for i := range heard {
		if heard[i] != heard[0] {
			t.Errorf("person %d heard another order than person 0", i)
		}
	}
	for i := range people { // what one person said is in the order in which it was said
		last := -1
		for line := range strings.Lines(heard[0]) {
			var who, n int
			if _, err := fmt.Sscanf(line, "%d.%d", &who, &n); err != nil {
				t.Fatal(err)
			}
			if who == i {
				if n != last+1 {
					t.Fatalf("person %d: %d behind %d", i, n, last)
				}
				last = n
			}
		}
		if last != each-1 {
			t.Errorf("person %d: %d messages", i, last+1)
		}
	}
}

// neighbours do all sorts of wrong things beside two people who talk and must not notice.
func neighbours(t *testing.T, port string) {
	alice, bob := join(t, port, "alice", "calm", ""), join(t, port, "bob", "calm", "")
	handshake := "GET /ws/mallory HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for _, bad := range [][]byte{
		{0x81, 2, 'h', 'i'}, // not masked
		{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4},                                         // 1 TB
		{0xf1, 0x80, 0, 0, 0, 0},                                                                 // reserved bits
		{0x81, 0x81, 0, 0, 0, 0, 0xff},                                                           // not UTF-8
		bytes.Repeat([]byte{0x89, 0x80, 1, 2, 3, 4}, 50_000),                                     // pings
		append([]byte{0x01, 0x81, 0, 0, 0, 0, 'a'}, 0x80, 0x81, 0, 0, 0, 0, 0xc0),                // not UTF-8 in a fragment
		bytes.Repeat(append([]byte{0x81, 0x81, 0, 0, 0, 0}, '{'), 2000),                          // nonsense
		append([]byte{0x81, 0xfe, 0x4e, 0x20, 0, 0, 0, 0}, bytes.Repeat([]byte("["), 20_000)...), // deep
	} {
		for _, dialect := range []string{"", "Sec-WebSocket-Protocol: hubbub.v1\r\n"} {
			c, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			h := strings.Replace(handshake, "Connection:", dialect+"Connection:", 1)
			_, _ = c.Write(append([]byte(h), bad...)) // the other side may close while this goes on
			defer c.Close()
		}
		alice.say(`{"type":"publish","room":"calm","data":"still here"}`)
		if e := bob.hears("message"); e["data"] != "still here" {
			t.Error(e)
		}
	}
}
