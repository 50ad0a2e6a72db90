package client

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/wire"
)

func TestJoinPublishLeave(t *testing.T) {
	in(t, settings{}, func(w *world) {
		alice, bob := w.json("alice"), w.json("bob")
		j := alice.ask(`{"type":"join","ref":"j","room":"r"}`, "joined")
		if string(j.Ref) != `"j"` || j.Room != "r" || j.Position.Offset != 0 || j.Count != 1 || j.Position.Epoch == "" {
			t.Errorf("%+v", j)
		}
		if e := bob.ask(`{"type":"join","room":"r"}`, "joined"); e.Count != 2 || e.Ref != nil {
			t.Errorf("%+v", e)
		}
		alice.say(`{"type":"publish","ref":7,"room":"r","data":{"a": 1 },"key":"k"}`)
		e := alice.events()
		if len(e) != 2 {
			t.Fatalf("%+v", e)
		}
		for _, e := range e {
			switch e.Type {
			case "published":
				if string(e.Ref) != "7" || e.Position.Offset != 1 || e.Position.Epoch != j.Position.Epoch || e.Duplicate {
					t.Errorf("%+v", e)
				}
			case "message":
				if e.Offset != 1 || string(e.From) != `"alice"` || string(e.Data) != `{"a": 1 }` || e.Key != "k" {
					t.Errorf("%+v", e)
				}
			default:
				t.Errorf("%+v", e)
			}
		}
		if e := bob.events(); len(e) != 1 || e[0].Offset != 1 {
			t.Errorf("%+v", e)
		}
		if e := alice.ask(`{"type":"publish","ref":8,"room":"r","data":{"a": 1 },"key":"k"}`, "published"); !e.Duplicate || e.Position.Offset != 1 {
			t.Errorf("%+v", e)
		}
		alice.ask(`{"type":"publish","ref":9,"room":"r","data":"x","echo":false}`, "published")
		if e := bob.events(); len(e) != 1 || e[0].Offset != 2 || string(e[0].Data) != `"x"` {
			t.Errorf("%+v", e)
		}
		bob.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		bob.refused(`{"type":"leave","ref":1,"room":"r"}`, wire.NotJoined)
		// Without ref only failures are told.
		alice.say(`{"type":"publish","room":"r","data":3}`, `{"type":"leave","room":"r"}`)
		if e := alice.events(); len(e) > 1 || len(e) == 1 && e[0].Type != "message" {
			t.Errorf("%+v", e)
		}
		if e := bob.events(); len(e) != 0 {
			t.Errorf("after left: %+v", e)
		}
	})
}

// Commands of one connection to one room take effect in their order, however fast they come, also in a room that is not
// watched yet.
func TestOrderOfCommands(t *testing.T) {
	in(t, settings{}, func(w *world) {
		for i := range 20 {
			k := w.json(fmt.Sprint("c", i))
			room := fmt.Sprint("room", i)
			for _, c := range []string{
				`{"type":"publish","ref":1,"room":"%s","data":1}`,
				`{"type":"join","ref":2,"room":"%s"}`,
				`{"type":"publish","ref":3,"room":"%s","data":2}`,
				`{"type":"history","ref":4,"room":"%s"}`,
				`{"type":"leave","ref":5,"room":"%s"}`,
				`{"type":"publish","ref":6,"room":"%s","data":3}`,
				`{"type":"members","ref":7,"room":"%s"}`,
				`{"type":"join","ref":8,"room":"%s","last":1}`,
			} {
				k.say(fmt.Sprintf(c, room))
			}
			var order []string
			for _, e := range k.events() {
				switch e.Type {
				case "joined", "left":
					order = append(order, e.Type)
				case "message":
					order = append(order, string(e.Data))
				case "history":
					if e.Last != 2 || len(e.Messages) != 2 {
						t.Errorf("history lacks what was published before: %+v", e)
					}
				case "members":
					if e.Count != 0 {
						t.Errorf("members after leave: %+v", e)
					}
				case "error":
					t.Errorf("%+v", e)
				}
			}
			if got := strings.Join(order, " "); got != "joined 2 left joined 3" {
				t.Errorf("%s", got)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	in(t, settings{rooms: 2}, func(w *world) {
		k := w.json("alice")
		k.refused(`{"type":"dance","ref":1}`, wire.UnknownType)
		k.refused(`{"type":"auth","ref":1,"token":"x"}`, wire.UnknownType)
		k.refused(`nonsense`, wire.BadRequest)
		k.refused(`{"type":"join","ref":1,"room":"@bob"}`, wire.Forbidden)
		k.refused(`{"type":"history","ref":1,"room":"@bob"}`, wire.Forbidden)
		k.refused(`{"type":"members","ref":1,"room":"@bob"}`, wire.Forbidden)
		k.refused(`{"type":"publish","ref":1,"room":"$status","data":1}`, wire.Forbidden)
		k.refused(`{"type":"signal","ref":1,"room":"$status","data":1}`, wire.Forbidden)
		k.refused(`{"type":"history","ref":1,"room":"r","epoch":"another"}`, wire.BadRequest)
		k.ask(`{"type":"join","ref":1,"room":"@alice"}`, "joined")
		k.ask(`{"type":"join","ref":1,"room":"$status"}`, "joined")
		k.refused(`{"type":"join","ref":1,"room":"third"}`, wire.TooManyRooms)
		k.ask(`{"type":"join","ref":1,"room":"$status"}`, "joined") // it is in: no room more
		k.ask(`{"type":"leave","ref":1,"room":"$status"}`, "left")
		k.ask(`{"type":"join","ref":1,"room":"third"}`, "joined")
		bob := w.json("bob")
		bob.ask(`{"type":"publish","ref":1,"to":"alice","data":"psst"}`, "published")
		if e := k.events(); len(e) != 1 || e[0].Room != "@alice" || string(e[0].From) != `"bob"` {
			t.Errorf("%+v", e)
		}
		if _, err := w.clients.Open(w.t.Context(), Request{Client: "alice", Dialect: wire.Pipe, Room: "@bob", Last: -1}); asError(err).Code != wire.Forbidden {
			t.Error(err)
		}
	})
}

func TestMalformedCommandsInARow(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		for range 499 {
			k.say(`{`)
		}
		k.say(`{"type":"dance"}`) // well-formed: the count begins anew
		for range 499 {
			k.say(`{"type":"join"}`)
		}
		if n := len(k.events()); n != 999 {
			t.Errorf("%d answers", n)
		}
		k.wantOpen()
		k.say(`[]`)
		k.wantClose(wire.CloseMalformed)
		for _, first := range []byte{0x82, 0x02} { // whole, and the first fragment
			b := w.json("bob")
			b.conn.Feed([]byte{first, 0x80, 1, 2, 3, 4})
			b.wantClose(wire.CloseUnsupported)
		}
	})
}

func TestLastAndAfter(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 10}}, func(w *world) {
		a := w.json("alice")
		for i := range 15 {
			a.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":%d}`, i+1), "published")
		}
		epoch := a.ask(`{"type":"history","ref":1,"room":"r","limit":0}`, "history").Epoch
		rows := []struct{ join, want string }{
			{``, "joined15"},
			{`,"last":0`, "joined15"},
			{`,"last":3`, "joined15 13 14 15"},
			{`,"last":99`, "joined15 6 7 8 9 10 11 12 13 14 15"},
			{`,"after":{"epoch":"EPOCH","offset":15}`, "joined15"},
			{`,"after":{"epoch":"EPOCH","offset":13}`, "joined15 14 15"},
			{`,"after":{"epoch":"EPOCH","offset":5}`, "joined15 6 7 8 9 10 11 12 13 14 15"},
			{`,"after":{"epoch":"EPOCH","offset":2}`, "joined15 gap3-5 6 7 8 9 10 11 12 13 14 15"},
			{`,"after":{"epoch":"EPOCH","offset":16}`, "joined15 epoch gap1-5 6 7 8 9 10 11 12 13 14 15"},
			{`,"after":{"epoch":"other","offset":15}`, "joined15 epoch gap1-5 6 7 8 9 10 11 12 13 14 15"},
			{`,"after":{"epoch":"","offset":0}`, "joined15 epoch gap1-5 6 7 8 9 10 11 12 13 14 15"},
		}
		for _, row := range rows {
			k := w.json("bob")
			k.say(`{"type":"join","ref":1,"room":"r"` + strings.ReplaceAll(row.join, "EPOCH", epoch) + `}`)
			if got := k.story(); got != row.want {
				t.Errorf("%s: %s, want %s", row.join, got, row.want)
			}
			k.conn.Hang()
		}
		k := w.json("carol")
		k.say(`{"type":"join","ref":1,"room":"empty","after":{"epoch":"other","offset":0}}`, `{"type":"join","ref":1,"room":"void","after":{"epoch":"other","offset":1}}`)
		if got := k.story(); got != "joined0 joined0 epoch" && got != "joined0 epoch joined0" {
			t.Error(got)
		}
		k.say(`{"type":"join","ref":1,"room":"empty","last":5}`) // a second join replays nothing
		k.say(`{"type":"publish","room":"empty","data":1}`)
		if got := k.story(); got != "joined0 1" {
			t.Error(got)
		}
	})
}

// story is what has come, in short.
func (k *talker) story() string {
	var s []string
	for _, e := range k.events() {
		switch {
		case e.Type == "joined":
			s = append(s, fmt.Sprint("joined", e.Position.Offset))
		case e.Type == "message":
			s = append(s, fmt.Sprint(e.Offset))
		case e.Type == "gap" && e.Reason == "epoch":
			s = append(s, "epoch")
		case e.Type == "gap":
			s = append(s, fmt.Sprintf("gap%d-%d", e.GapFrom(), e.To))
		default:
			s = append(s, e.Type)
		}
	}
	return strings.Join(s, " ")
}

func TestHistory(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 300}}, func(w *world) {
		k := w.json("alice")
		if e := k.ask(`{"type":"history","ref":1,"room":"none"}`, "history"); e.First != 1 || e.Last != 0 || len(e.Messages) != 0 {
			t.Errorf("%+v", e)
		}
		for i := range 400 {
			k.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":%d}`, i+1), "published")
		}
		rows := []struct {
			ask         string
			first, last uint64
		}{
			{``, 351, 400},
			{`,"limit":3`, 398, 400},
			{`,"limit":1000`, 201, 400},
			{`,"before":351`, 301, 350},
			{`,"before":110,"limit":200`, 101, 109},
			{`,"before":101`, 0, 0},
			{`,"before":1`, 0, 0},
			{`,"before":0`, 0, 0},
			{`,"before":9007199254740991,"limit":1`, 400, 400},
			{`,"after":0,"limit":2`, 101, 102},
			{`,"after":399`, 400, 400},
			{`,"after":400`, 0, 0},
			{`,"after":9007199254740991`, 0, 0},
			{`,"limit":0`, 0, 0},
		}
		for _, row := range rows {
			e := k.ask(`{"type":"history","ref":1,"room":"r"`+row.ask+`}`, "history")
			if e.First != 101 || e.Last != 400 {
				t.Errorf("%s: the log is from %d to %d", row.ask, e.First, e.Last)
			}
			want := 0
			if row.last > 0 {
				want = int(row.last - row.first + 1)
			}
			if len(e.Messages) != want {
				t.Errorf("%s: %d messages, want %d", row.ask, len(e.Messages), want)
				continue
			}
			for i, m := range e.Messages {
				if m.Offset != row.first+uint64(i) || string(m.Data) != fmt.Sprint(m.Offset) {
					t.Errorf("%s: %+v at %d", row.ask, m, i)
				}
			}
		}
	})
}

// A page ends early where it would be large; what lies nearest to the asked place is in it.
func TestLargeHistory(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.json("alice")
		big := strings.Repeat("x", 60_000)
		for range 9 {
			k.ask(`{"type":"publish","ref":1,"room":"r","data":"`+big+`"}`, "published")
		}
		if m := k.ask(`{"type":"history","ref":1,"room":"r"}`, "history").Messages; len(m) != 4 || m[3].Offset != 9 {
			t.Errorf("%d messages", len(m))
		}
		if m := k.ask(`{"type":"history","ref":1,"room":"r","after":0}`, "history").Messages; len(m) < 4 || len(m) > 5 || m[0].Offset != 1 {
			t.Errorf("%d messages", len(m))
		}
	})
}

func TestPresence(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a := w.json("alice")
		a.ask(`{"type":"join","ref":1,"room":"r","presence":true}`, "joined")
		time.Sleep(time.Second)
		if e := a.events(); len(e) != 1 || e[0].Type != "presence" || fmt.Sprint(e[0].Joined, e[0].Left, e[0].Count) != "[alice] [] 1" {
			t.Errorf("%+v", e)
		}
		b, b2, c := w.json("bob"), w.json("bob"), w.json("carol")
		for _, k := range []*talker{b, b2, c} {
			k.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
		}
		c.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		time.Sleep(time.Second)
		if e := a.events(); len(e) != 1 || fmt.Sprint(e[0].Joined, e[0].Left, e[0].Count) != "[bob] [] 2" {
			t.Errorf("carol came and went, bob has two connections: %+v", e)
		}
		m := a.ask(`{"type":"members","ref":1,"room":"r"}`, "members")
		if m.Count != 2 || len(m.Members) != 2 || string(m.Members[1]) != `{"client":"bob","connections":2}` {
			t.Errorf("%+v", m)
		}
		b.conn.Hang()
		time.Sleep(time.Second)
		if e := a.events(); len(e) != 0 {
			t.Errorf("bob is still here: %+v", e)
		}
		b2.conn.Hang()
		time.Sleep(time.Second)
		if e := a.events(); len(e) != 1 || fmt.Sprint(e[0].Joined, e[0].Left, e[0].Count) != "[] [bob] 1" {
			t.Errorf("%+v", e)
		}
		if e := b.events(); len(e) != 0 {
			t.Errorf("bob did not ask for presence: %+v", e)
		}
		// A second join takes presence from it when it is there, and leaves it when not.
		a.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
		c.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
		time.Sleep(time.Second)
		if n := len(a.events()); n != 1 {
			t.Errorf("%d events", n)
		}
		a.ask(`{"type":"join","ref":1,"room":"r","presence":false}`, "joined")
		c.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		time.Sleep(time.Second)
		if e := a.events(); len(e) != 0 {
			t.Errorf("%+v", e)
		}
	})
}

// A second join switches presence for its connection alone, whatever else it says, and however often it says the same.
func TestPresenceByRejoin(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a, b, mover := w.json("alice"), w.json("bob"), w.json("carol")
		heard := func(what string, wantA, wantB bool) {
			t.Helper()
			for _, kind := range []string{"join", "leave"} {
				mover.say(`{"type":"` + kind + `","room":"r"}`)
				time.Sleep(time.Second)
				for k, want := range map[*talker]bool{a: wantA, b: wantB} {
					got := strings.Count(k.story(), "presence")
					if (got == 1) != want {
						t.Errorf("%s, then a %s: %s got %d presence events", what, kind, k.client.peer.Client(), got)
					}
				}
				mover.events()
			}
		}
		join := func(k *talker, with string) {
			t.Helper()
			k.ask(`{"type":"join","ref":1,"room":"r"`+with+`}`, "joined")
		}
		on, off := `,"presence":true`, `,"presence":false`
		join(a, "")
		join(b, "")
		time.Sleep(time.Second)
		heard("nobody asked", false, false)
		join(a, on)
		heard("alice asked", true, false)
		join(a, on)
		join(b, off)
		heard("alice asked twice, bob did not", true, false)
		join(b, on+`,"last":3`)
		join(a, off)
		join(a, off)
		heard("bob asked", false, true)
		a.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		join(a, "")
		time.Sleep(time.Second)
		b.events()
		heard("alice left and came back", false, true)
		join(a, on)
		b.ask(`{"type":"leave","ref":1,"room":"r"}`, "left")
		time.Sleep(time.Second)
		a.events()
		heard("alice asked, bob left", true, false)
	})
}

func TestPresenceOfManyIsACount(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a := w.json("a")
		a.ask(`{"type":"join","ref":1,"room":"r","presence":true}`, "joined")
		for i := range 200 {
			w.pipe(fmt.Sprint("p", i), "r")
		}
		time.Sleep(time.Second)
		e := a.events()
		if len(e) != 1 || e[0].Count != 201 || e[0].Joined != nil || e[0].Left != nil {
			t.Errorf("%+v", e)
		}
	})
}

func TestSignals(t *testing.T) {
	in(t, settings{}, func(w *world) {
		a, b, c := w.json("alice"), w.json("bob"), w.json("carol")
		p := w.pipe("dev", "r")
		a.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
		b.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
		b.ask(`{"type":"join","ref":1,"room":"@bob"}`, "joined")
		a.say(`{"type":"signal","room":"r","data":{"typing":true}}`, `{"type":"signal","to":"bob","data":"hey"}`)
		e := b.events()
		if len(e) != 2 || e[0].Type != "signal" || string(e[0].From) != `"alice"` || string(e[0].Data) != `{"typing":true}` || e[1].Room != "@bob" {
			t.Errorf("%+v", e)
		}
		for _, k := range []*talker{a, c} {
			if e := k.events(); len(e) != 0 {
				t.Errorf("%+v", e)
			}
		}
		if f := p.frames(); len(f) != 0 {
			t.Errorf("a pipe gets no signals: %s", show(f))
		}
		if h := a.ask(`{"type":"history","ref":1,"room":"r"}`, "history"); h.Last != 0 {
			t.Errorf("a signal was kept: %+v", h)
		}
	})
}

// A broker that panics ends the connection that called it, and no other.
func TestPanicEndsOneConnection(t *testing.T) {
	in(t, settings{wrap: func(b broker.Broker) broker.Broker { return panicking{b} }}, func(w *world) {
		a, b := w.json("alice"), w.json("bob")
		a.say(`{"type":"publish","ref":1,"room":"boom","data":1}`)
		a.wantClose(wire.CloseInternal)
		b.ask(`{"type":"publish","ref":1,"room":"r","data":1}`, "published")
	})
}

type panicking struct{ broker.Broker }

func (p panicking) Publish(room string, m []wire.Message, done func([]broker.Accepted)) {
	if room == "boom" {
		panic("boom")
	}
	p.Broker.Publish(room, m, done)
}

// A room whose log cannot be had is answered within five seconds; the connection and its other rooms go on.
func TestJoinOfARoomThatCannotBeHad(t *testing.T) {
	in(t, settings{wrap: func(b broker.Broker) broker.Broker { return deaf{b} }}, func(w *world) {
		k := w.json("alice")
		k.say(`{"type":"join","ref":1,"room":"gone"}`, `{"type":"ping","ref":2}`, `{"type":"join","ref":3,"room":"r"}`)
		if got := k.story(); got != "pong joined0" {
			t.Error(got)
		}
		time.Sleep(6 * time.Second)
		e := k.events()
		if len(e) != 1 || e[0].Code != "unavailable" || e[0].RetryAfter == 0 || string(e[0].Ref) != "1" {
			t.Errorf("%+v", e)
		}
		_, err := w.clients.Open(w.t.Context(), Request{Client: "dev", Dialect: wire.Pipe, Room: "gone", Last: -1})
		if asError(err).Code != wire.Unavailable {
			t.Error(err)
		}
	})
}

type deaf struct{ broker.Broker }

func (d deaf) Watch(room string, on bool) {
	if room != "gone" {
		d.Broker.Watch(room, on)
	}
}
