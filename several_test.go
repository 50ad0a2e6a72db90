package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/internal/testkit"
)

// number is a number that an event carries.
func number(e map[string]any, field string) int { n, _ := e[field].(float64); return int(n) }

func position(e map[string]any) (epoch string, offset int) {
	p, _ := e["position"].(map[string]any)
	epoch, _ = p["epoch"].(string)
	return epoch, number(p, "offset")
}

// TestSeveral is what PROTOCOL.md promises where two instances are one hub.
func TestSeveral(t *testing.T) {
	redis := testkit.Redis(t)
	one := begin(t, "--redis-url", redis.URL(), "--instance", "one")
	two := begin(t, "--redis-url", redis.URL(), "--instance", "two")
	t.Run("rooms, keys, history", func(t *testing.T) {
		alice, bob := join(t, one, "alice", "lobby", ""), join(t, two, "bob", "lobby", "")
		for i := range 3 {
			alice.say(`{"type":"publish","ref":2,"room":"lobby","data":%d,"key":"k%d"}`, i, i)
			if e := bob.hears("message"); number(e, "data") != i || e["from"] != "alice" || number(e, "offset") != i+1 {
				t.Errorf("bob hears %v", e)
			}
		}
		again := join(t, two, "alice", "elsewhere", "")
		again.say(`{"type":"publish","ref":3,"room":"lobby","data":"again","key":"k1"}`)
		e := again.hears("published")
		if _, offset := position(e); offset != 2 || e["duplicate"] != true {
			t.Errorf("a repeat at another instance: %v", e)
		}
		again.say(`{"type":"history","ref":4,"room":"lobby"}`)
		if e := again.hears("history"); number(e, "first") != 1 || number(e, "last") != 3 || len(e["messages"].([]any)) != 3 {
			t.Errorf("history: %v", e)
		}
	})
	t.Run("inbox", func(t *testing.T) {
		bob := join(t, two, "bob", "@bob", "")
		alice := join(t, one, "alice", "elsewhere", "")
		alice.say(`{"type":"publish","to":"bob","data":"psst"}`)
		alice.say(`{"type":"signal","to":"bob","data":"typing"}`)
		if e := bob.hears("message"); e["data"] != "psst" {
			t.Error(e)
		}
		if e := bob.hears("signal"); e["data"] != "typing" || e["from"] != "alice" {
			t.Error(e)
		}
	})
	t.Run("members and presence", func(t *testing.T) {
		alice := join(t, one, "alice", "hall", `,"presence":true`)
		lists := func(ref, count int, member string) { // what an instance has to say may still be on its way
			for {
				alice.say(`{"type":"members","ref":%d,"room":"hall"}`, ref)
				e := alice.hears("members")
				if number(e, "count") == count && strings.Contains(fmt.Sprint(e["members"]), member) {
					return
				}
			}
		}
		lists(2, 1, "map[client:alice connections:1]")
		bob := person{t, dial(t, "ws://127.0.0.1:"+two+"/ws/bob", "hubbub.v1")}
		bob.hears("welcome")
		bob.say(`{"type":"join","ref":1,"room":"hall"}`)
		if e := bob.hears("joined"); number(e, "count") != 2 {
			t.Errorf("bob is told of %v", e)
		}
		for seen := ""; !strings.Contains(seen, "bob"); {
			seen = fmt.Sprint(alice.hears("presence")["joined"])
		}
		device := dial(t, "ws://127.0.0.1:"+two+"/ws/bob?room=hall")
		lists(3, 2, "map[client:bob connections:2]")
		device.Close(websocket.StatusNormalClosure, "")
		bob.c.Close(websocket.StatusNormalClosure, "")
		if e := alice.hears("presence"); fmt.Sprint(e["left"]) != "[bob]" || number(e, "count") != 1 {
			t.Errorf("alice is told of %v", e)
		}
	})
	t.Run("pipes, echo=0, binary", func(t *testing.T) {
		quiet := dial(t, "ws://127.0.0.1:"+one+"/ws/sensor?room=lab&echo=0")
		other := dial(t, "ws://127.0.0.1:"+two+"/ws/logger?room=lab")
		if err := quiet.Write(t.Context(), websocket.MessageBinary, []byte{0, 255}); err != nil {
			t.Fatal(err)
		}
		if kind, b, err := other.Read(t.Context()); err != nil || kind != websocket.MessageBinary || !bytes.Equal(b, []byte{0, 255}) {
			t.Errorf("%v %v %v", kind, b, err)
		}
		if err := other.Write(t.Context(), websocket.MessageText, []byte("for the sensor")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := quiet.Read(t.Context()); err != nil || string(b) != "for the sensor" {
			t.Errorf("the sensor hears %q, %v", b, err)
		}
	})
	t.Run("resume elsewhere", func(t *testing.T) {
		alice := join(t, one, "alice", "long", "")
		alice.say(`{"type":"publish","ref":2,"room":"long","data":0}`)
		epoch, _ := position(alice.hears("published"))
		alice.c.CloseNow()
		writer := join(t, one, "writer", "long", "")
		for i := range 300 {
			writer.say(`{"type":"publish","room":"long","data":%d}`, i+1)
		}
		alice = join(t, two, "alice", "long", fmt.Sprintf(`,"after":{"epoch":%q,"offset":1}`, epoch))
		for i := range 300 {
			if e := alice.hears("message"); number(e, "data") != i+1 || number(e, "offset") != i+2 {
				t.Fatalf("alice hears %v, want %d", e, i+1)
			}
		}
	})
}

// TestOneReadARoom: those who come back to an instance that has just started cost Redis one read a room, however many they are.
func TestOneReadARoom(t *testing.T) {
	const rooms, members, missed = 3, 40, 30
	redis := testkit.Redis(t)
	one := begin(t, "--redis-url", redis.URL())
	epochs := make([]string, rooms)
	for i := range rooms {
		writer := join(t, one, "writer", fmt.Sprint("room ", i), "")
		for n := range 1 + missed {
			writer.say(`{"type":"publish","ref":2,"room":"room %d","data":%d}`, i, n)
			epochs[i], _ = position(writer.hears("published"))
		}
	}
	admin := freePort(t)
	two := begin(t, "--redis-url", redis.URL(), "--admin", "127.0.0.1:"+admin)
	var all []person
	for i := range rooms * members {
		p := person{t, dial(t, "ws://127.0.0.1:"+two+"/ws/m"+fmt.Sprint(i), "hubbub.v1")}
		p.hears("welcome")
		all = append(all, p)
	}
	for i, p := range all {
		p.say(`{"type":"join","ref":1,"room":"room %d","after":{"epoch":%q,"offset":1}}`, i%rooms, epochs[i%rooms])
	}
	for i, p := range all {
		for n := range missed {
			if e := p.hears("message"); number(e, "offset") != n+2 || number(e, "data") != n+1 {
				t.Fatalf("member %d hears %v, want offset %d", i, e, n+2)
			}
		}
	}
	_, metrics := get(t, "http://127.0.0.1:"+admin+"/metrics")
	for _, want := range []string{"hubbub_redis_reads_total 3\n", "hubbub_redis_history_reads_total 0\n"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("want %s in\n%s", want, regexp.MustCompile(`(?m)^hubbub_redis.*$`).FindAllString(metrics, -1))
		}
	}
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestRedisAway: sockets stay open, echo goes on, publishes fail as said, and all heals by itself. Redis comes back empty here, which readers are told.
func TestRedisAway(t *testing.T) {
	redis := testkit.Redis(t)
	port := begin(t, "--redis-url", redis.URL())
	ready := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; {
			status, body := get(t, "http://127.0.0.1:"+port+"/readyz")
			if status == want {
				if want != http.StatusOK && !strings.Contains(body, "127.0.0.1") {
					t.Errorf("it does not say why it is not ready: %s", body)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("/readyz is %d: %s", status, body)
			}
		}
	}
	ready(http.StatusOK)
	alice := join(t, port, "alice", "lobby", "")
	alice.say(`{"type":"publish","ref":2,"room":"lobby","data":1}`)
	alice.hears("published") // the message itself may come before or after
	echo := dial(t, "ws://127.0.0.1:"+port+"/ws/bob")

	redis.Kill()
	ready(http.StatusServiceUnavailable)
	alice.say(`{"type":"publish","ref":3,"room":"lobby","data":2,"key":"k"}`)
	if e := alice.hearsAny("error"); e["code"] != "unavailable" || number(e, "retry_after") < 1 {
		t.Errorf("a publish without Redis: %v", e)
	}
	bob := join(t, port, "bob", "lobby", "") // the room is watched: joining it needs no Redis
	if err := echo.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := echo.Read(t.Context()); err != nil || string(b) != "Echo: hi" {
		t.Errorf("%q, %v", b, err)
	}

	redis.Start()
	ready(http.StatusOK)
	if e := alice.hearsAny("gap"); e["reason"] != "epoch" {
		t.Errorf("alice is told of %v", e)
	}
	bob.hearsAny("gap")
	alice.say(`{"type":"publish","ref":4,"room":"lobby","data":2,"key":"k"}`)
	if _, offset := position(alice.hears("published")); offset != 1 {
		t.Errorf("the new log begins with %d", offset)
	}
	if e := bob.hears("message"); number(e, "data") != 2 {
		t.Errorf("bob hears %v", e)
	}
}

// hearsAny waits for an event, whatever else comes.
func (p person) hearsAny(want string) map[string]any {
	p.t.Helper()
	return p.waits(want, func(string) bool { return false })
}
