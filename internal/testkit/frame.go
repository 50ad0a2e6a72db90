package testkit

import (
	"encoding/json"
	"fmt"

	"github.com/gobwas/ws"

	"hubbub/wire"
)

// Frame is one frame that a server wrote.
type Frame struct {
	Op      wire.Op
	Payload []byte
}

// Frames takes the whole frames off b and returns the rest. It panics on a frame no server may send.
func Frames(b []byte) (frames []Frame, rest []byte) {
	for {
		n, ok := wire.FrameLen(b)
		if !ok || n > len(b) {
			return frames, b
		}
		if b[0]&0x80 == 0 || b[0]&0x70 != 0 || b[1]&0x80 != 0 {
			panic(fmt.Sprintf("not a server's frame: % x", b[:2]))
		}
		head := 2
		switch b[1] {
		case 126:
			head = 4
		case 127:
			head = 10
		}
		frames = append(frames, Frame{wire.Op(b[0] & 15), b[head:n]})
		b = b[n:]
	}
}

// Close reads a close frame's code.
func (f Frame) Close() wire.CloseCode {
	if f.Op != wire.OpClose {
		return 0
	}
	if len(f.Payload) < 2 {
		return wire.CloseNoStatus
	}
	return wire.CloseCode(uint16(f.Payload[0])<<8 | uint16(f.Payload[1]))
}

// Event is any event of the JSON dialect.
type Event struct {
	Type       string          `json:"type"`
	Ref        json.RawMessage `json:"ref"`
	Room       string          `json:"room"`
	Epoch      string          `json:"epoch"`
	Offset     uint64          `json:"offset"`
	Reason     string          `json:"reason"`
	Position   Position        `json:"position"`
	Data       json.RawMessage `json:"data"`
	Base64     []byte          `json:"base64"`
	Key        string          `json:"key"`
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	RetryAfter int             `json:"retry_after"`
	Count      int             `json:"count"`
	Joined     []string        `json:"joined"`
	Left       []string        `json:"left"`
	Client     string          `json:"client"`
	Connection string          `json:"connection"`
	Duplicate  bool            `json:"duplicate"`
	First      uint64          `json:"first"`
	Last       uint64          `json:"last"`

	From     json.RawMessage   `json:"from"` // a client, or a gap's first offset
	To       uint64            `json:"to"`
	Messages []Event           `json:"messages"`
	Members  []json.RawMessage `json:"members"`
}

// Position is wire.Position as JSON has it.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// GapFrom is the first offset of a gap.
func (e Event) GapFrom() (n uint64) {
	_ = json.Unmarshal(e.From, &n)
	return n
}

// Events reads text frames as events.
func Events(frames []Frame) (events []Event) {
	for _, f := range frames {
		if f.Op != wire.OpText {
			continue
		}
		var e Event
		if err := json.Unmarshal(f.Payload, &e); err != nil {
			panic(fmt.Sprintf("%v in %s", err, f.Payload))
		}
		events = append(events, e)
	}
	return events
}

// Text, Binary, Ping and Bye are a client's frames, masked.
func Text(s string) []byte { return Part(wire.OpText, true, []byte(s)) }

// Binary is a masked binary frame.
func Binary(b []byte) []byte { return Part(wire.OpBinary, true, b) }

// Ping is a masked ping.
func Ping(s string) []byte { return Part(wire.OpPing, true, []byte(s)) }

// Bye is a masked close frame.
func Bye(code wire.CloseCode) []byte {
	return masked(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), "")))
}

// Part is a masked fragment.
func Part(op wire.Op, fin bool, b []byte) []byte {
	f := ws.NewFrame(ws.OpCode(op), fin, append([]byte(nil), b...)) // masking changes the payload in place
	return masked(f)
}

func masked(f ws.Frame) []byte {
	b, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err != nil {
		panic(err)
	}
	return b
}
