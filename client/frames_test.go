package client

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"hubbub/internal/testkit"
	"hubbub/wire"
)

func TestEcho(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		k.conn.Feed(testkit.Text("hi"))
		k.conn.Feed(testkit.Binary([]byte{0, 255}))
		k.conn.Feed(testkit.Text(""))
		k.conn.Feed(testkit.Part(wire.OpText, false, []byte("\uFFFD f\xc3")))
		k.conn.Feed(testkit.Ping("between"))
		k.conn.Feed(testkit.Part(wire.OpContinuation, false, nil))
		k.conn.Feed(testkit.Part(wire.OpContinuation, true, []byte("\xbcr")))
		want := []testkit.Frame{
			{Op: wire.OpText, Payload: []byte("Echo: hi")},
			{Op: wire.OpBinary, Payload: []byte{0, 255}},
			{Op: wire.OpText, Payload: []byte("Echo: ")},
			{Op: wire.OpPong, Payload: []byte("between")},
			{Op: wire.OpText, Payload: []byte("Echo: \uFFFD für")},
		}
		if got := k.frames(); show(got) != show(want) {
			t.Errorf("got %s, want %s", show(got), show(want))
		}
	})
}

// early bytes are those that came right behind the handshake.
func TestEarlyBytes(t *testing.T) {
	in(t, settings{}, func(w *world) {
		b := append(testkit.Text("one"), testkit.Text("two")...)
		for cut := range len(b) + 1 {
			c, err := w.clients.Open(w.t.Context(), Request{Client: "alice", Dialect: wire.Echo})
			if err != nil {
				t.Fatal(err)
			}
			k := &talker{w: w, conn: testkit.NewConn(), client: c}
			go c.Serve(k.conn, b[:cut:cut])
			synctest.Wait()
			k.conn.Feed(b[cut:])
			if got := show(k.frames()); got != " 1:Echo: one 1:Echo: two" {
				t.Errorf("cut at %d: %s", cut, got)
			}
		}
	})
}

// large messages arrive in many reads and go back whole; nothing is held afterwards.
func TestLargeMessages(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		for _, n := range []int{125, 126, readBytes - 8, readBytes, 65535, 65536} {
			payload := bytes.Repeat([]byte("ü"), n/2)
			b := append(testkit.Binary(payload), testkit.Text("next")...)
			for len(b) > 0 {
				part := min(len(b), 7001)
				k.conn.Feed(b[:part])
				b = b[part:]
				synctest.Wait()
			}
			f := k.frames()
			if len(f) != 2 || !bytes.Equal(f[0].Payload, payload) || string(f[1].Payload) != "Echo: next" {
				t.Errorf("%d bytes came back as %d frames", n, len(f))
			}
			if r := k.client.in; r.half != nil || r.lent != nil || r.message != nil {
				t.Errorf("after %d bytes an idle connection holds %d+%d bytes", n, cap(r.half), cap(r.message))
			}
		}
	})
}

// What a frame may not be, and which code says so.
func TestBadFrames(t *testing.T) {
	long := strings.Repeat("x", 126)
	rows := []struct {
		name string
		in   []byte
		code wire.CloseCode
	}{
		{"unmasked", []byte{0x81, 2, 'h', 'i'}, wire.CloseProtocol},
		{"unmasked, header only", []byte{0x81, 0x7f}, wire.CloseProtocol},
		{"reserved bit", []byte{0xc1, 0x80, 0, 0, 0, 0}, wire.CloseProtocol},
		{"reserved opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, wire.CloseProtocol},
		{"reserved control opcode", []byte{0x8b, 0x80, 0, 0, 0, 0}, wire.CloseProtocol},
		{"ping of 126 bytes", testkit.Part(wire.OpPing, true, []byte(long)), wire.CloseProtocol},
		{"fragmented ping", testkit.Part(wire.OpPing, false, nil), wire.CloseProtocol},
		{"continuation of nothing", testkit.Part(wire.OpContinuation, true, nil), wire.CloseProtocol},
		{"new message within a message", append(testkit.Part(wire.OpText, false, nil), testkit.Text("x")...), wire.CloseProtocol},
		{"a length of 1 TB", []byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}, wire.CloseTooBig},
		{"a length of 1 TB, without a mask", []byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0}, wire.CloseTooBig},
		{"a length in more bytes than it needs", []byte{0x81, 0xfe, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0}, wire.CloseProtocol},
		{"a close frame with code 5000", testkit.Bye(5000), wire.CloseProtocol},
		{"a length with its top bit set", []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}, wire.CloseProtocol},
		{"one byte too many", []byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4}, wire.CloseTooBig},
		{
			"one byte too many in fragments",
			append(testkit.Part(wire.OpText, false, make([]byte, 65536)), testkit.Part(wire.OpContinuation, true, []byte{1})...),
			wire.CloseTooBig,
		},
		{"text that is not UTF-8", testkit.Text("a\xffb"), wire.CloseBadText},
		{"a surrogate in UTF-8", testkit.Text("\xed\xa0\x80"), wire.CloseBadText},
		{"bad UTF-8 in the middle of a fragmented text", testkit.Part(wire.OpText, false, []byte("a\xffb")), wire.CloseBadText},
		{"a character that never ends", append(testkit.Part(wire.OpText, false, []byte("\xc3")), testkit.Part(wire.OpContinuation, true, nil)...), wire.CloseBadText},
		{"a character that goes on wrongly", append(testkit.Part(wire.OpText, false, []byte("\xc3")), testkit.Part(wire.OpContinuation, false, []byte("("))...), wire.CloseBadText},
		{"a close frame of one byte", testkit.Part(wire.OpClose, true, []byte{3}), wire.CloseProtocol},
		{"a close frame with code 1005", testkit.Bye(1005), wire.CloseProtocol},
		{"a close frame with code 999", testkit.Bye(999), wire.CloseProtocol},
		{"a close reason that is not UTF-8", testkit.Part(wire.OpClose, true, []byte("\x03\xe8\xff")), wire.CloseBadText},
		{"a close frame", testkit.Bye(1000), 1000},
		{"a close frame with a code of one's own", testkit.Bye(4321), 4321},
		{"a close frame without a code", testkit.Part(wire.OpClose, true, nil), wire.CloseNoStatus},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			in(t, settings{}, func(w *world) {
				other := w.json("bob")
				other.ask(`{"type":"join","ref":1,"room":"r"}`, "joined")
				whole := w.open(Request{Dialect: wire.Echo})
				whole.conn.Feed(row.in)
				whole.wantClose(row.code)
				byByte := w.open(Request{Dialect: wire.Echo})
				for i := range row.in {
					byByte.conn.Feed(row.in[i : i+1])
					if len(row.in) < 1000 {
						synctest.Wait()
					}
				}
				byByte.wantClose(row.code)
				if e := other.events(); len(e) != 0 {
					t.Errorf("somebody else got %+v", e)
				}
				other.wantOpen()
			})
		})
	}
}

// A header alone must not cost what it promises.
func TestHeaderAloneCostsNothing(t *testing.T) {
	in(t, settings{message: 8 << 20}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		k.conn.Feed([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x7f, 0, 0, 1, 2, 3, 4, 5})
		synctest.Wait()
		if c := cap(k.client.in.half); c > 2*readBytes {
			t.Errorf("a header and a byte cost %d bytes", c)
		}
	})
}

func TestGoneWithoutAWord(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		k.conn.Hang()
		if f := k.frames(); len(f) != 0 {
			t.Errorf("got %s", show(f))
		}
		if _, closed := k.conn.Ended(); !closed {
			t.Error("the socket is still open")
		}
		if n := w.hub.Stats().Closes[closeLost]; n != 1 {
			t.Errorf("counted %d times", n)
		}
	})
}

// A flood of pings that nobody reads the pongs of is held back by TCP, and hurts nobody.
func TestPingFloodIsHeldBack(t *testing.T) {
	in(t, settings{}, func(w *world) {
		k := w.open(Request{Dialect: wire.Echo})
		k.conn.Take(0)
		flood := bytes.Repeat(testkit.Ping(strings.Repeat("p", 100)), 1000)
		for range 100 {
			k.conn.Feed(flood)
		}
		synctest.Wait()
		other := w.open(Request{Client: "bob", Dialect: wire.Echo})
		other.wantOpen()
		k.conn.Take(-1)
		if got := len(k.frames()); got != 100_000 {
			t.Errorf("%d pongs", got)
		}
	})
}
