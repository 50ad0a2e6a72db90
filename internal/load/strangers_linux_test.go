package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hubbub/internal/load/dialect"
)

// The servers here are imitations: each knows as much of somebody else's protocol as its template uses, from the protocol's
// description, and hangs up on anything else. A template that passes here says what those protocols ask for; that the real servers
// agree is not shown by it.

// stranger is what the imitations have in common: rooms, and a way to write to who is in one.
type stranger struct {
	path  string                                     // with its query
	greet func(c *guest)                             // says what the server says first
	take  func(s *stranger, c *guest, m string) bool // false: hang up

	waiting atomic.Int32 // guests that it waits for

	mu    sync.Mutex
	rooms map[string][]*guest
}

type guest struct {
	mu   sync.Mutex // guards writing
	conn *websocket.Conn
	ctx  context.Context
	on   bool // what has to be said first has been
	n    int  // pongs taken
}

func (g *guest) say(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.conn.Write(g.ctx, websocket.MessageText, fmt.Appendf(nil, format, args...))
}

func (s *stranger) enter(room string, g *guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[room] = append(s.rooms[room], g)
}

// tell writes to everybody in a room in the same order.
func (s *stranger) tell(room, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.rooms[room] {
		g.say(format, args...)
	}
}

func (s *stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.RequestURI() != s.path {
		http.Error(w, "not here: "+r.URL.RequestURI(), http.StatusNotFound)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	g := &guest{conn: conn, ctx: r.Context()}
	if s.greet != nil {
		s.greet(g)
	}
	for {
		_, m, err := conn.Read(r.Context())
		if err != nil || !s.take(s, g, string(m)) {
			return
		}
	}
}

// fakeCentrifugo puts a ping and an answer into one frame, and wants the pong before anything is published.
func fakeCentrifugo() *stranger {
	take := func(s *stranger, g *guest, m string) bool {
		if m == "{}" {
			g.n++
			return g.on
		}
		var c struct {
			ID        int
			Connect   *struct{}
			Subscribe *struct{ Channel string }
			Publish   *struct {
				Channel string
				Data    json.RawMessage
			}
		}
		if json.Unmarshal([]byte(m), &c) != nil || c.ID == 0 || g.on == (c.Connect != nil) {
			return false
		}
		switch {
		case c.Connect != nil:
			g.on = true
			g.say(`{"id":%d,"connect":{"client":"c","version":"0.0.0","ping":25,"pong":true}}`, c.ID)
		case c.Subscribe != nil:
			s.enter(c.Subscribe.Channel, g)
			g.say("{}\n{\"id\":%d,\"subscribe\":{}}", c.ID)
		case c.Publish != nil:
			s.tell(c.Publish.Channel, `{"push":{"channel":%q,"pub":{"data":%s}}}`, c.Publish.Channel, c.Publish.Data)
			g.say(`{"id":%d,"publish":{}}`, c.ID)
			return g.n == 1
		default:
			return false
		}
		return true
	}
	return &stranger{path: "/connection/websocket", take: take}
}

// fakeSocketIO sends a ping of its own after the namespace is entered, and wants the answer before anything is published.
func fakeSocketIO() *stranger {
	ponged := map[*guest]bool{} // guarded by mu
	take := func(s *stranger, g *guest, m string) bool {
		var event []string
		switch {
		case m == "40" && !g.on:
			g.on = true
			g.say(`40{"sid":"s"}`)
			g.say("2")
			return true
		case m == "3":
			s.mu.Lock()
			ponged[g] = true
			s.mu.Unlock()
			return true
		case strings.HasPrefix(m, "421") && json.Unmarshal([]byte(m[3:]), &event) == nil && len(event) == 2 && event[0] == "join":
			s.enter(event[1], g)
			g.say("431[]")
			return g.on
		case strings.HasPrefix(m, "42[") && json.Unmarshal([]byte(m[2:]), &event) == nil && len(event) == 3 && event[0] == "message":
			s.mu.Lock()
			ok := ponged[g]
			s.mu.Unlock()
			s.tell(event[1], `42["message",%q]`, event[2])
			return ok
		}
		return false
	}
	greet := func(g *guest) {
		g.say(`0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	}
	return &stranger{path: "/socket.io/?EIO=4&transport=websocket", greet: greet, take: take}
}

// fakePhoenix wants a heartbeat of each socket, and counts those that have not sent one yet.
func fakePhoenix() *stranger {
	take := func(s *stranger, g *guest, m string) bool {
		var c []json.RawMessage
		if json.Unmarshal([]byte(m), &c) != nil || len(c) != 5 {
			return false
		}
		var topic, event string
		if json.Unmarshal(c[2], &topic) != nil || json.Unmarshal(c[3], &event) != nil {
			return false
		}
		ok := func() { g.say(`[%s,%s,%q,"phx_reply",{"response":{},"status":"ok"}]`, c[0], c[1], topic) }
		switch {
		case topic == "phoenix" && event == "heartbeat" && string(c[0]) == "null":
			if !g.on {
				g.on = true
				s.waiting.Add(-1)
			}
			ok()
		case event == "phx_join" && strings.HasPrefix(topic, "room:"):
			s.enter(topic, g)
			ok()
		case event == "new_msg" && strings.HasPrefix(topic, "room:"):
			s.tell(topic, `[null,null,%q,"new_msg",%s]`, topic, c[4])
		default:
			return false
		}
		return true
	}
	s := &stranger{path: "/socket/websocket?vsn=2.0.0", take: take}
	s.greet = func(*guest) { s.waiting.Add(1) }
	return s
}

// TestTemplates runs the examples against the imitations.
func TestTemplates(t *testing.T) {
	for name, server := range map[string]*stranger{"centrifugo": fakeCentrifugo(), "socketio": fakeSocketIO(), "phoenix": fakePhoenix()} {
		t.Run(name, func(t *testing.T) {
			server.rooms = map[string][]*guest{}
			s := httptest.NewServer(server)
			defer s.Close()
			d, err := dialect.Read("../../examples/bench/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			d.Every = min(d.Every, 10*time.Millisecond)
			p := short.at(s.URL)
			p.Dialect = d
			if r := measure(t, p); !r.Mail.Clean() || r.Mail.Delivered != 300 {
				t.Errorf("%s", r.Mail)
			}
			if n := server.waiting.Load(); n != 0 {
				t.Errorf("%d sockets have not said what they had to", n)
			}
			// One that asks for what the server does not say.
			patient := firstAnswer
			firstAnswer = 100 * time.Millisecond
			defer func() { firstAnswer = patient }()
			p.Dialect.Joined = "come in"
			if _, err := Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), `joined ("come in") did not come`) {
				t.Errorf("error %v", err)
			}
			p.Dialect = d
			p.Dialect.Delivery, p.Grace = "hear, hear", 100*time.Millisecond // nothing can come
			if _, err := Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "matches nothing: a delivery") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestBroadcast: a server that sends everything to everybody, and one that does so but to the sender.
func TestBroadcast(t *testing.T) {
	for name, own := range map[string]bool{"to all": true, "to the others": false} {
		t.Run(name, func(t *testing.T) {
			server := &stranger{path: "/", rooms: map[string][]*guest{}}
			server.greet = func(g *guest) { server.enter("", g) }
			server.take = func(s *stranger, g *guest, m string) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, other := range s.rooms[""] {
					if own || other != g {
						other.say("%s", m)
					}
				}
				return true
			}
			s := httptest.NewServer(server)
			defer s.Close()
			p := short.at(s.URL)
			p.Rooms, p.Dialect = 1, dialect.Broadcast
			p.Dialect.Own = &own
			want := Tally{Sent: 30, Expected: 150, Delivered: 150}
			if !own {
				want.Expected, want.Delivered = 120, 120
			}
			if r := measure(t, p); r.Mail.String() != want.String() {
				t.Errorf("got %s, want %s", r.Mail, want)
			}
			p.Rate, p.InFlight = 0, 2
			if r := measure(t, p); !r.Mail.Clean() || r.Mail.Sent <= 2 {
				t.Errorf("closed loop: %s", r.Mail)
			}
		})
	}
}
