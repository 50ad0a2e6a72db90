package client

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/gobwas/ws"

	"hubbub/wire"
)

// readBytes is how much one read takes at most. Buffers are borrowed for the time between a read and
// the handling of what it brought, so there are only as many as readers at work.
const readBytes = 16 << 10

type buffer [readBytes]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// reader is what a connection holds of its input: nothing while it is idle between two frames, else
// the half of a frame or message that has come.
type reader struct {
	lent    *buffer // while there is something in it
	half    []byte  // the beginning of a frame whose rest has not come yet; capacity for the rest as it comes
	missing int     // bytes that half's frame lacks, if its header is there

	message []byte // fragments so far, unmasked
	op      ws.OpCode
	checked int  // message[:checked] is known to be UTF-8
	split   bool // a fragmented message is under way
}

// Borrow implements hub.Buffer.
func (r *reader) Borrow() []byte {
	if r.missing > 0 {
		// The rest of a large frame goes right behind its beginning. It grows as it comes: a header alone costs nothing.
		if len(r.half) == cap(r.half) {
			grown := make([]byte, len(r.half), len(r.half)+min(r.missing, max(len(r.half), readBytes)))
			copy(grown, r.half)
			r.half = grown
		}
		free := r.half[len(r.half):cap(r.half)]
		return free[:min(len(free), r.missing)]
	}
	r.lent = buffers.Get().(*buffer)
	return r.lent[:]
}

// GiveBack implements hub.Buffer.
func (r *reader) GiveBack() { r.letGo() }

func (r *reader) letGo() {
	if r.lent != nil {
		buffers.Put(r.lent)
		r.lent = nil
	}
}

// filled is all that there is after a read of n bytes: the half frame from before, if any, and the new.
func (r *reader) filled(n int) []byte {
	if r.lent == nil {
		r.half = r.half[:len(r.half)+n]
		return r.half
	}
	if len(r.half) == 0 {
		return r.lent[:n]
	}
	r.half = append(r.half, r.lent[:n]...)
	r.letGo()
	return r.half
}

// keep remembers rest, the end of what filled gave, which is less than a frame of total bytes (0: its header is not
// complete), and lets everything else go.
func (r *reader) keep(rest []byte, total int) {
	r.missing = max(total-len(rest), 0)
	switch {
	case len(rest) == 0:
		r.half = nil
	case r.lent != nil:
		r.half = append(make([]byte, 0, max(len(rest), 32)), rest...)
	default:
		r.half = append(r.half[:0], rest...)
	}
	r.letGo()
}

// fault is a frame for which the connection is closed.
type fault struct {
	code   wire.CloseCode
	reason string
}

// header reads a frame's header from the beginning of b. n is its length, 0 if it is not complete. It checks what
// RFC 6455, section 5, demands of a client's frame, and that the message will not be larger than limit.
func (r *reader) header(b []byte, src *bytes.Reader, scratch []byte, limit int64) (h ws.Header, n int, f *fault) {
	if len(b) >= 2 && b[1]&0x80 == 0 { // before its length is there: it may never come
		return h, 0, &fault{wire.CloseProtocol, ws.ErrProtocolMaskRequired.Error()}
	}
	if f := r.tooLong(b, limit); f != nil {
		return h, 0, f
	}
	if !complete(b) {
		return h, 0, nil
	}
	src.Reset(b)
	h, err := ws.ReadHeaderBuffer(src, scratch)
	if err != nil {
		return h, 0, &fault{wire.CloseProtocol, "the frame's length is not valid"}
	}
	state := ws.StateServerSide
	if r.split {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, 0, &fault{wire.CloseProtocol, err.Error()}
	}
	if !h.OpCode.IsControl() && h.Length > limit-int64(len(r.message)) {
		return h, 0, &fault{wire.CloseTooBig, "the message is too big"}
	}
	return h, len(b) - src.Len(), nil
}

// tooLong looks at a frame's length as soon as it is there: the mask behind it may never come.
func (r *reader) tooLong(b []byte, limit int64) *fault {
	var length, least uint64
	switch {
	case len(b) >= 4 && b[1]&0x7f == 126:
		length, least = uint64(binary.BigEndian.Uint16(b[2:])), 126
	case len(b) >= 10 && b[1]&0x7f == 127:
		length, least = binary.BigEndian.Uint64(b[2:]), 1<<16
	default:
		return nil
	}
	switch {
	case length < least || length >= 1<<63: // RFC 6455, section 5.2
		return &fault{wire.CloseProtocol, "the frame's length is not valid"}
	case b[0]&0x08 == 0 && b[0]&0x77 <= 2 && int64(length) > limit-int64(len(r.message)):
		return &fault{wire.CloseTooBig, "the message is too big"}
	}
	return nil
}

// complete reports whether b begins with a whole header of a masked frame.
func complete(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	n := 2 + 4
	switch b[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	return len(b) >= n
}
