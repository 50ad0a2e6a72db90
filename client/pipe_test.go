package client

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// Every payload kind goes from every dialect to every dialect, byte for byte.
func TestKindsAcrossDialects(t *testing.T) {
	rows := []struct {
		json string        // in a publish of the JSON dialect
		pipe testkit.Frame // as a pipe says it
		back string        // in a message of the JSON dialect, as in json where empty
	}{
		{`"data":{"a": [1 ,null]}`, testkit.Frame{Op: wire.OpText, Payload: []byte(`{"a": [1 ,null]}`)}, ""},
		{`"data":"plain \"quoted\" ünd \u0041"`, testkit.Frame{Op: wire.OpText, Payload: []byte(`plain "quoted" ünd A`)}, `"data":"plain \"quoted\" ünd A"`},
		{`"data":"5"`, testkit.Frame{Op: wire.OpText, Payload: []byte(`5`)}, ""},
		{`"data":""`, testkit.Frame{Op: wire.OpText, Payload: []byte{}}, ""},
		{`"base64":"AAH/"`, testkit.Frame{Op: wire.OpBinary, Payload: []byte{0, 1, 255}}, ""},
		{`"base64":""`, testkit.Frame{Op: wire.OpBinary, Payload: []byte{}}, ""},
	}
	in(t, settings{}, func(w *world) {
		alice, bob := w.json("alice"), w.json("bob")
		dev, gauge := w.pipe("dev", "r"), w.pipe("gauge", "r")
		bob.ask(`{"type":"join","room":"r"}`, "joined")
		for _, row := range rows {
			want := row.back
			if want == "" {
				want = row.json
			}
			says := []func(){
				func() { alice.ask(`{"type":"publish","ref":1,"room":"r",`+row.json+`}`, "published") },
				func() { dev.conn.Feed(testkit.Part(row.pipe.Op, true, row.pipe.Payload)) },
			}
			for i, say := range says {
				say()
				if f := bob.frames(); len(f) != 1 || !bytes.Contains(f[0].Payload, []byte(","+want+"}")) {
					t.Errorf("%d: JSON got %s, want %s", i, show(f), want)
				}
				for _, k := range []*talker{dev, gauge} {
					if f := k.frames(); show(f) != show([]testkit.Frame{row.pipe}) {
						t.Errorf("%d: a pipe got %s, want %s", i, show(f), show([]testkit.Frame{row.pipe}))
					}
				}
			}
		}
		// What JSON cannot say of itself: null, numbers and booleans from JSON reach a pipe as text frames.
		alice.ask(`{"type":"publish","ref":1,"room":"r","data":null}`, "published")
		if f := dev.frames(); show(f) != " 1:null" {
			t.Error(show(f))
		}
	})
}

func TestPipeJoins(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 5}}, func(w *world) {
		a := w.json("alice")
		for i := range 9 {
			a.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":%d}`, i+1), "published")
		}
		epoch := a.ask(`{"type":"history","room":"r"}`, "history").Epoch
		rows := []struct {
			r    Request
			want string
			code wire.CloseCode
		}{
			{Request{Last: -1}, "", 0},
			{Request{Last: 2}, " 1:8 1:9", 0},
			{Request{Last: 100}, " 1:5 1:6 1:7 1:8 1:9", 0},
			{Request{Last: -1, After: &wire.Position{Epoch: epoch, Offset: 7}}, " 1:8 1:9", 0},
			{Request{Last: -1, After: &wire.Position{Epoch: epoch, Offset: 2}}, "", wire.CloseHole},
			{Request{Last: -1, After: &wire.Position{Epoch: epoch, Offset: 12}}, "", wire.CloseHole},
			{Request{Last: -1, After: &wire.Position{Epoch: "other", Offset: 9}}, "", wire.CloseHole},
		}
		for _, row := range rows {
			row.r.Client, row.r.Dialect, row.r.Room = "dev", wire.Pipe, "r"
			k := w.open(row.r)
			if row.code != 0 {
				k.wantClose(row.code)
				continue
			}
			if got := show(k.frames()); got != row.want {
				t.Errorf("%+v: %s, want %s", row.r, got, row.want)
			}
			k.conn.Hang()
		}
		// It counts in members.
		if m := a.ask(`{"type":"members","room":"r"}`, "members"); m.Count != 0 {
			t.Errorf("%+v", m)
		}
		k := w.open(Request{Client: "dev", Dialect: wire.Pipe, Room: "r", Last: -1, NoEcho: true})
		if m := a.ask(`{"type":"members","room":"r"}`, "members"); m.Count != 1 {
			t.Errorf("%+v", m)
		}
		k.conn.Feed(testkit.Text("mine"))
		a.ask(`{"type":"publish","ref":1,"room":"r","data":"yours"}`, "published")
		if got := show(k.frames()); got != " 1:yours" {
			t.Error(got)
		}
	})
}

func TestPipeRefusals(t *testing.T) {
	in(t, settings{wrap: func(b broker.Broker) broker.Broker { return full{b} }}, func(w *world) {
		k := w.pipe("dev", "$status")
		k.conn.Feed(testkit.Text("x"))
		k.wantClose(wire.CloseForbidden)
		k = w.pipe("dev", "full")
		k.conn.Feed(testkit.Text("x"))
		k.wantClose(wire.CloseOverloaded)
		j := w.json("alice")
		if e := j.refused(`{"type":"publish","ref":1,"room":"full","data":1}`, wire.Unavailable); e.RetryAfter != 3 || string(e.Ref) != "1" {
			t.Errorf("%+v", e)
		}
		j.refused(`{"type":"publish","room":"full","data":1}`, wire.Unavailable) // failures are told without a ref, too
	})
}

// full is a broker that refuses one room.
type full struct{ broker.Broker }

func (f full) Publish(room string, m []wire.Message, done func([]broker.Accepted)) {
	if room != "full" {
		f.Broker.Publish(room, m, done)
		return
	}
	no := make([]broker.Accepted, len(m))
	for i := range no {
		no[i].Err = &wire.Error{Code: wire.Unavailable, Message: "full", RetryAfter: 3}
	}
	go done(no)
}

// A pipe that lags beyond retention is closed at the hole; nothing follows it.
func TestPipeStopsAtAHole(t *testing.T) {
	in(t, settings{keep: retain.Limits{Messages: 5}}, func(w *world) {
		a, k := w.json("alice"), w.pipe("dev", "r")
		k.conn.Take(3)
		for i := range 30 {
			a.ask(fmt.Sprintf(`{"type":"publish","ref":1,"room":"r","data":"%s%d"}`, strings.Repeat("x", 20), i), "published")
		}
		k.conn.Take(-1)
		f := k.frames()
		if len(f) != 2 || !strings.HasSuffix(string(f[0].Payload), "x0") || f[1].Close() != wire.CloseHole {
			t.Error(show(f))
		}
		a.ask(`{"type":"publish","ref":1,"room":"r","data":"more"}`, "published")
		time.Sleep(2 * grace)
		if f := k.frames(); len(f) != 0 {
			t.Error(show(f))
		}
	})
}

func TestBase64OfLargePayloads(t *testing.T) {
	in(t, settings{}, func(w *world) {
		dev, bob := w.pipe("dev", "r"), w.json("bob")
		bob.ask(`{"type":"join","room":"r"}`, "joined")
		payload := bytes.Repeat([]byte{0, 1, 2, 250}, 16<<10)
		dev.conn.Feed(testkit.Binary(payload))
		e := bob.events()
		if len(e) != 1 || !bytes.Equal(e[0].Base64, payload) {
			t.Errorf("%d events, %d bytes", len(e), base64.StdEncoding.EncodedLen(len(payload)))
		}
	})
}

// Many frames in one read are published in their order, in as many batches as it takes.
func TestPipeSendsMany(t *testing.T) {
	in(t, settings{}, func(w *world) {
		dev, gauge := w.pipe("dev", "r"), w.pipe("gauge", "r")
		var all []byte
		want := ""
		for i := range 1000 {
			all = append(all, testkit.Text(fmt.Sprint(i))...)
			want += fmt.Sprint(" 1:", i)
		}
		dev.conn.Feed(all)
		if got := show(gauge.frames()); got != want {
			t.Errorf("%s", got)
		}
	})
}
