package load

import (
	"bytes"
	"strings"
	"time"
)

// stamp identifies one message wherever it turns up: who sent it, its number among the sender's, and when it should
// have been sent. Inside a payload it is 32 bytes of ASCII that no dialect has to escape:
//
//	hb~PPPPPPNNNNNNNNTTTTTTTTTTTTTT~      P, N, T in hexadecimal
type stamp struct {
	publisher uint32 // 24 bits of it travel
	number    uint32
	due       time.Duration // on the clock of now()
}

const (
	stampMark = "hb~"
	stampSize = len(stampMark) + 6 + 8 + 14 + 1
)

const hexDigits = "0123456789abcdef"

// hexValue is the worth of a digit; what is no digit has the high bit set, which survives the ors of a whole number.
var hexValue = func() (v [256]byte) {
	for i := range v {
		v[i] = 0x80
	}
	for i, c := range []byte(hexDigits) {
		v[c] = byte(i)
	}
	return v
}()

func unhex(b []byte) (n uint64, bad byte) {
	for _, c := range b {
		d := hexValue[c]
		bad |= d
		n = n<<4 | uint64(d&0x0f)
	}
	return n, bad & 0x80
}

// findStamp reads the stamp in payload. hint is where the last one was: messages of one kind carry it at the same
// place, or a digit further, so that a search is rare.
func findStamp(payload []byte, hint *int) (s stamp, ok bool) {
	at := *hint
	if at+stampSize > len(payload) || string(payload[at:at+len(stampMark)]) != stampMark {
		if at = bytes.Index(payload, []byte(stampMark)); at < 0 || at+stampSize > len(payload) {
			return s, false
		}
		*hint = at
	}
	b := payload[at+len(stampMark) : at+stampSize]
	publisher, bad1 := unhex(b[:6])
	number, bad2 := unhex(b[6:14])
	due, bad3 := unhex(b[14:28])
	if bad1|bad2|bad3 != 0 || b[28] != '~' {
		return s, false
	}
	return stamp{publisher: uint32(publisher), number: uint32(number), due: time.Duration(due)}, true
}

// letter is a masked frame that is prepared once and re-stamped for every sending.
type letter struct {
	frame   []byte
	stampAt int // in frame
	phase   int // which byte of the mask lies over the stamp's first byte
}

// newLetter prepares a text frame of head, size bytes that begin with a stamp, and tail. A size below the stamp's
// is the stamp's.
func newLetter(head string, size int, tail string) *letter {
	size = max(size, stampSize)
	payload := head + strings.Repeat("x", size) + tail
	frame := appendFrame(nil, opText, []byte(payload))
	l := &letter{frame: frame, stampAt: len(frame) - len(payload) + len(head), phase: len(head)}
	l.put(0, stampMark)
	l.put(stampSize-1, "~")
	return l
}

// put writes s, masked, at a place in the stamp.
func (l *letter) put(at int, s string) {
	for i := range len(s) {
		l.frame[l.stampAt+at+i] = s[i] ^ mask[(l.phase+at+i)&3]
	}
}

// stamped is the frame with s on it, until the next call.
func (l *letter) stamped(s stamp) []byte {
	at := len(stampMark)
	l.hex(at, 6, uint64(s.publisher))
	l.hex(at+6, 8, uint64(s.number))
	l.hex(at+14, 14, uint64(s.due))
	return l.frame
}

func (l *letter) hex(at, digits int, n uint64) {
	for i := digits - 1; i >= 0; i-- {
		l.frame[l.stampAt+at+i] = hexDigits[n&0x0f] ^ mask[(l.phase+at+i)&3]
		n >>= 4
	}
}
