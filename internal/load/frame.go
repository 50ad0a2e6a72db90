package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// maxFrame is the longest frame we take. It only guards our memory against a server that writes nonsense.
const maxFrame = 16 << 20

// mask is the one masking key of all our frames. A key that is no secret is all right where nobody but us chooses the
// payload; it is not zero, so that the server's unmasking has its real work.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frameHeader is the beginning of a frame as a server sends it: without a mask.
type frameHeader struct {
	op     byte
	fin    bool
	head   int // length of the header itself
	length int // length of the payload behind it
}

var errMasked = errors.New("the server sent a masked frame")

// parseHeader reads the header at the beginning of b; whole is false if b ends before it does.
func parseHeader(b []byte) (h frameHeader, whole bool, err error) {
	if len(b) < 2 {
		return h, false, nil
	}
	if b[0]&0x70 != 0 {
		return h, false, fmt.Errorf("the server sent a frame with reserved bits (first byte %#x)", b[0])
	}
	if b[1]&0x80 != 0 {
		return h, false, errMasked
	}
	h = frameHeader{op: b[0] & 0x0f, fin: b[0]&0x80 != 0, head: 2, length: int(b[1])}
	switch b[1] {
	case 126:
		if len(b) < 4 {
			return h, false, nil
		}
		h.head, h.length = 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return h, false, nil
		}
		n := binary.BigEndian.Uint64(b[2:])
		if n > maxFrame {
			return h, false, fmt.Errorf("the server sent a frame of %d bytes", n)
		}
		h.head, h.length = 10, int(n)
	}
	if h.op >= opClose && (h.length > 125 || !h.fin) {
		return h, false, fmt.Errorf("the server sent a control frame of %d bytes, fin %v", h.length, h.fin)
	}
	return h, true, nil
}

// appendFrame appends one masked frame.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, mask[:]...)
	for i, b := range payload {
		dst = append(dst, b^mask[i&3])
	}
	return dst
}

// closeCode is what a close frame says: 1005 if it says nothing.
func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}
