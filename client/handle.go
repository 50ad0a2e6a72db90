package client

import (
	"bytes"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"hubbub/hub"
	"hubbub/wire"
)

const (
	// outBytes is how many bytes of direct answers one pass gathers before it writes them.
	outBytes = 16 << 10
	// batchMessages is how many publishes of one room go to the broker together.
	batchMessages = 64
	// maxBad is how many malformed commands in a row a client may send.
	maxBad = 500
)

// pass is what handling the bytes of one read needs. It is lent for that time, so that an idle connection holds none.
type pass struct {
	src     bytes.Reader
	scratch [ws.MaxHeaderSize]byte
	out     []byte // frames for this client
	now     int64  // ms since 1970

	// publishes of one room that go to the broker together
	room string
	msgs []wire.Message
	refs []wire.Ref
}

var passes = sync.Pool{New: func() any { return new(pass) }}

// handle does what the frames in data ask for and keeps what is left. The result says how the connection
// ends, nil: it goes on.
func (c *Client) handle(data []byte) *end {
	ps := passes.Get().(*pass)
	ps.now = time.Now().UnixMilli()
	read, messages := len(data), 0
	var e *end
	total := 0
	for e == nil {
		h, n, f := c.in.header(data, &ps.src, ps.scratch[:0], c.clients.o.MaxMessage)
		if f != nil {
			e = &end{f.code, f.reason}
			break
		}
		if n == 0 {
			break
		}
		if total = n + int(h.Length); total > len(data) {
			break
		}
		payload := data[n:total]
		data, total = data[total:], 0
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode.IsControl() {
			e = c.control(ps, h, payload)
		} else {
			messages++
			e = c.fragment(ps, h, payload)
		}
		if len(ps.out) > outBytes && !c.flush(ps) {
			e = &end{}
		}
	}
	c.publish(ps)
	c.send(ps)
	c.clients.hub.Received(messages, read)
	if e == nil {
		c.in.keep(data, total)
	}
	ps.src.Reset(nil) // it would keep the buffer
	passes.Put(ps)
	return e
}

// flush writes the direct answers, and waits while the client does not take them. false: the connection ends.
func (c *Client) flush(ps *pass) bool {
	c.send(ps)
	return c.peer.Await(hub.Load.Light)
}

func (c *Client) send(ps *pass) {
	if len(ps.out) > 0 {
		c.peer.Send(ps.out)
		if ps.out = ps.out[:0]; cap(ps.out) > 4*outBytes {
			ps.out = nil
		}
	}
}

// control handles a ping, a pong or a close frame.
func (c *Client) control(ps *pass, h ws.Header, payload []byte) *end {
	switch h.OpCode {
	case ws.OpPing:
		ps.out = wire.AppendFrame(ps.out, wire.OpPong, payload)
	case ws.OpClose:
		return closed(payload)
	}
	return nil
}

// closed answers a close frame with its own code (RFC 6455, section 5.5.1), or says what is wrong with it.
func closed(payload []byte) *end {
	switch {
	case len(payload) == 0:
		return &end{wire.CloseNoStatus, ""}
	case len(payload) == 1:
		return &end{wire.CloseProtocol, "a close frame has no payload, or a code of two bytes"}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if code >= 5000 { // RFC 6455, section 7.4.2: there are none
		return &end{wire.CloseProtocol, "no close code is above 4999"}
	}
	if err := ws.CheckCloseFrameData(code, reason); err != nil {
		if !utf8.ValidString(reason) {
			return &end{wire.CloseBadText, "the reason is not UTF-8"}
		}
		return &end{wire.CloseProtocol, err.Error()}
	}
	return &end{wire.CloseCode(code), ""}
}

// fragment takes one data frame, which most often is a whole message.
func (c *Client) fragment(ps *pass, h ws.Header, payload []byte) *end {
	in := &c.in
	if h.Fin && !in.split {
		if h.OpCode == ws.OpText && !utf8.Valid(payload) {
			return badText
		}
		return c.message(ps, h.OpCode, payload)
	}
	if !in.split {
		if h.OpCode == ws.OpBinary && c.peer.Dialect() == wire.JSON {
			return wrongKind
		}
		in.split, in.op, in.checked = true, h.OpCode, 0
	}
	in.message = append(in.message, payload...)
	if in.op == ws.OpText && !in.checkText(h.Fin) {
		return badText
	}
	if !h.Fin {
		return nil
	}
	whole := in.message
	in.message, in.split = nil, false
	return c.message(ps, in.op, whole)
}

var wrongKind = &end{wire.CloseUnsupported, "this dialect speaks text: send binary data as base64"}

var badText = &end{wire.CloseBadText, "text is not UTF-8"}

// checkText checks what has come of a text message as soon as it is there; a character may be cut only where more can follow.
func (r *reader) checkText(whole bool) bool {
	for r.checked < len(r.message) {
		rest := r.message[r.checked:]
		if rest[0] < utf8.RuneSelf {
			r.checked++
			continue
		}
		if !utf8.FullRune(rest) {
			return !whole
		}
		c, n := utf8.DecodeRune(rest)
		if c == utf8.RuneError && n == 1 {
			return false
		}
		r.checked += n
	}
	return true
}

// message handles one whole message. The payload is lent.
func (c *Client) message(ps *pass, op ws.OpCode, payload []byte) *end {
	switch c.peer.Dialect() {
	case wire.Echo:
		c.echo(ps, op, payload)
		return nil
	case wire.Pipe:
		return c.pipe(ps, op, payload)
	default:
		if op == ws.OpBinary {
			return wrongKind
		}
		return c.command(ps, payload)
	}
}

// echo is where it all began: text comes back behind "Echo: ", binary comes back unchanged.
func (c *Client) echo(ps *pass, op ws.OpCode, payload []byte) {
	if op == ws.OpBinary {
		ps.out = wire.AppendFrame(ps.out, wire.OpBinary, payload)
		return
	}
	out, mark := wire.Begin(ps.out)
	out = append(append(out, "Echo: "...), payload...)
	ps.out = wire.End(out, mark, wire.OpText)
}

// pipe publishes a frame as it is.
func (c *Client) pipe(ps *pass, op ws.OpCode, payload []byte) *end {
	if err := mayPublish(c.room); err != nil {
		return &end{wire.CloseForbidden, err.Message}
	}
	m := wire.Message{Time: ps.now, Client: c.peer.Client(), Kind: wire.KindBinary}
	if op == ws.OpText {
		m.Kind = wire.PipeKind(payload)
	}
	if c.noEcho {
		m.Except = c.peer.ID()
	}
	m.Payload = bytes.Clone(payload)
	if !c.enqueue(ps, c.room, m, "") {
		return &end{}
	}
	return nil
}
