package wire

import (
	"encoding/binary"
	"unicode/utf8"
)

// Op is what a WebSocket frame is (RFC 6455, section 5.2).
type Op byte

// The frames that a server writes.
const (
	OpContinuation Op = 0x0
	OpText         Op = 0x1
	OpBinary       Op = 0x2
	OpClose        Op = 0x8
	OpPing         Op = 0x9
	OpPong         Op = 0xa
)

const (
	finBit      = 0x80
	shortHeader = 2  // payload of up to 125 bytes
	midHeader   = 4  // up to 65,535: most of what a hub sends, so this is what Begin makes room for
	longHeader  = 10 // more
	maxShort    = 125
	maxMid      = 1<<16 - 1

	maxReason = maxShort - 2 // a close frame is a control frame, and its code takes two bytes
)

// Begin makes room for a frame's header behind dst. Append the payload to buf, then call End with mark.
func Begin(dst []byte) (buf []byte, mark int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// End turns what was appended since Begin into one whole, unmasked frame: it writes the header that the payload's
// length asks for and moves the payload up or down when that is not the one which Begin had made room for.
func End(buf []byte, mark int, op Op) []byte {
	payload := mark + midHeader
	n := len(buf) - payload
	switch {
	case n <= maxShort:
		copy(buf[mark+shortHeader:], buf[payload:])
		buf = buf[:mark+shortHeader+n]
		buf[mark+1] = byte(n)
	case n <= maxMid:
		buf[mark+1] = 126
		binary.BigEndian.PutUint16(buf[mark+2:], uint16(n))
	default:
		buf = append(buf, 0, 0, 0, 0, 0, 0)
		copy(buf[mark+longHeader:], buf[payload:])
		buf[mark+1] = 127
		binary.BigEndian.PutUint64(buf[mark+2:], uint64(n))
	}
	buf[mark] = finBit | byte(op)
	return buf
}

// AppendFrame appends one whole frame. The payload of a close, ping or pong is at most 125 bytes; that is the caller's care.
func AppendFrame(dst []byte, op Op, payload []byte) []byte {
	head := finBit | byte(op)
	switch n := len(payload); {
	case n <= maxShort:
		dst = append(dst, head, byte(n))
	case n <= maxMid:
		dst = append(dst, head, 126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, head, 127), uint64(n))
	}
	return append(dst, payload...)
}

// AppendClose appends a close frame. A reason beyond 123 bytes is cut behind a whole character;
// CloseNoStatus, which must not travel, gives a frame without code and reason.
func AppendClose(dst []byte, code CloseCode, reason string) []byte {
	if code == CloseNoStatus {
		return append(dst, finBit|byte(OpClose), 0)
	}
	reason = cut(reason, maxReason)
	dst = append(dst, finBit|byte(OpClose), byte(2+len(reason)), byte(code>>8), byte(code))
	return append(dst, reason...)
}

// FrameLen is the length of b's first frame, header included, so that a run of frames can be split where a frame
// ends; b need not hold the whole frame. ok is false if b does not hold its header. It is meant for frames of our own making: a mask has no place in it.
func FrameLen(b []byte) (n int, ok bool) {
	if len(b) < shortHeader {
		return 0, false
	}
	switch short := int(b[1] &^ 0x80); {
	case short <= maxShort:
		return shortHeader + short, true
	case short == 126 && len(b) >= midHeader:
		return midHeader + int(binary.BigEndian.Uint16(b[2:])), true
	case short == 127 && len(b) >= longHeader:
		long := binary.BigEndian.Uint64(b[2:])
		if long > 1<<31-1 {
			return 0, false // not ours: no frame of ours comes near it, and the sum below must not overflow
		}
		return longHeader + int(long), true
	}
	return 0, false
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
