package client

import (
	"testing"

	"hubbub/internal/testkit"
	"hubbub/wire"
)

// FuzzReader feeds whatever bytes to a connection, whole and in two parts: both must see the same, nothing may panic, and
// what comes back must be whole frames with one close frame at most, as the last.
func FuzzReader(f *testing.F) {
	for _, seed := range [][]byte{
		testkit.Text("hi"), testkit.Binary([]byte{1}), testkit.Ping(""), testkit.Bye(1000),
		append(testkit.Part(wire.OpText, false, []byte("\xc3")), testkit.Part(wire.OpContinuation, true, []byte("\xbc"))...),
		{0x81, 0x7f},
		{0x81, 0xff, 0, 0, 1},
		{0xc1, 0x80},
		{0x88, 0x81, 0, 0, 0, 0, 1},
		testkit.Text("\xff"),
	} {
		f.Add(seed, uint16(1))
		f.Add(seed, uint16(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		var stories [2]string
		for i, at := range []int{len(b), min(int(cut), len(b))} {
			in(t, settings{message: 256}, func(w *world) {
				k := w.open(Request{Dialect: wire.Echo})
				k.conn.Feed(b[:at])
				frames := k.frames()
				k.conn.Feed(b[at:])
				k.conn.Hang()
				frames = append(frames, k.frames()...)
				for n, f := range frames {
					if f.Op == wire.OpClose && n < len(frames)-1 {
						t.Errorf("frames behind a close frame: %s", show(frames))
					}
				}
				if len(k.rest) > 0 {
					t.Errorf("half a frame: % x", k.rest)
				}
				stories[i] = show(frames)
			})
		}
		if stories[0] != stories[1] {
			t.Errorf("in one part: %s; in two: %s", stories[0], stories[1])
		}
	})
}
