package load

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestParseHeader(t *testing.T) {
	for name, test := range map[string]struct {
		in    []byte
		want  frameHeader
		whole bool
		err   string
	}{
		"nothing":          {},
		"half":             {in: []byte{0x81}},
		"text":             {in: []byte{0x81, 5, 'h'}, want: frameHeader{opText, true, 2, 5}, whole: true},
		"first fragment":   {in: []byte{0x02, 0}, want: frameHeader{opBinary, false, 2, 0}, whole: true},
		"16 bits, half":    {in: []byte{0x81, 126, 1}},
		"16 bits":          {in: []byte{0x81, 126, 1, 0}, want: frameHeader{opText, true, 4, 256}, whole: true},
		"64 bits, half":    {in: []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0}},
		"64 bits":          {in: []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, want: frameHeader{opText, true, 10, 65536}, whole: true},
		"a terabyte":       {in: []byte{0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0}, err: "a frame of 1099511627776 bytes"},
		"high bit":         {in: []byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, err: "a frame of"},
		"masked":           {in: []byte{0x81, 0x85}, err: "masked"},
		"reserved":         {in: []byte{0xc1, 5}, err: "reserved bits"},
		"long ping":        {in: []byte{0x89, 126, 0, 126}, err: "control frame of 126 bytes"},
		"fragment of ping": {in: []byte{0x09, 1}, err: "fin false"},
	} {
		t.Run(name, func(t *testing.T) {
			h, whole, err := parseHeader(test.in)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil || whole != test.whole || whole && h != test.want {
				t.Fatalf("got %+v, whole %v, error %v; want %+v, %v", h, whole, err, test.want, test.whole)
			}
		})
	}
}

// TestAppendFrame lets somebody else's code read our frames.
func TestAppendFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("payload "), size/8+1)[:size]
		in := bytes.NewReader(appendFrame([]byte{}, opText, payload))
		h, err := ws.ReadHeader(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		ws.Cipher(got, h.Mask, 0)
		if !h.Fin || !h.Masked || h.OpCode != ws.OpText || h.Length != int64(size) || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: header %+v, payload differs: %v", size, h, !bytes.Equal(got, payload))
		}
	}
}

func TestLetter(t *testing.T) {
	for _, head := range []string{"", "x", `{"type":"publish","room":"r","data":"`} {
		l := newLetter(head, 128, "tail")
		for _, s := range []stamp{{}, {1, 2, 3}, {0xabcdef, 0xfedcba98, 1<<56 - 1}} {
			frame := bytes.Clone(l.stamped(s))
			h, err := ws.ReadHeader(bytes.NewReader(frame))
			if err != nil {
				t.Fatal(err)
			}
			payload := frame[len(frame)-int(h.Length):]
			ws.Cipher(payload, h.Mask, 0)
			if len(payload) != len(head)+128+4 || !bytes.HasPrefix(payload, []byte(head+stampMark)) || !bytes.HasSuffix(payload, []byte("xtail")) {
				t.Fatalf("payload %q", payload)
			}
			for _, hint := range []int{0, len(head), 9999} {
				if got, ok := findStamp(payload, &hint); !ok || got != s || hint != len(head) {
					t.Errorf("found %+v, %v at %d; want %+v at %d", got, ok, hint, s, len(head))
				}
			}
		}
	}
}

func TestFindStampRefuses(t *testing.T) {
	good := "hb~" + strings.Repeat("0", 28) + "~"
	for _, bad := range []string{"", "hello", good[:31], strings.Replace(good, "0", "G", 1), good[:31] + "x", "hb~hb~" + good[3:30]} {
		hint := 0
		if s, ok := findStamp([]byte(bad), &hint); ok {
			t.Errorf("%q is a stamp: %+v", bad, s)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-ACCEPT: " + handshakeAccept + "\r\n"
	for name, test := range map[string]struct {
		in, protocol string
		length       int
		err          string
	}{
		"half":            {in: good},
		"whole":           {in: good + "\r\n\x81\x00", length: len(good) + 2},
		"protocol":        {in: good + "Sec-WebSocket-Protocol: hubbub.v1\r\n\r\n", protocol: "hubbub.v1", length: len(good) + 35 + 2},
		"no protocol":     {in: good + "\r\n", protocol: "hubbub.v1", err: `speaks protocol "", not "hubbub.v1"`},
		"unasked":         {in: good + "Sec-WebSocket-Protocol: x\r\n\r\n", err: `speaks protocol "x"`},
		"refused":         {in: "HTTP/1.1 403 Forbidden\r\n\r\n{\"code\":\"origin\"}", err: `refused the upgrade: HTTP/1.1 403 Forbidden: {"code":"origin"}`},
		"another key":     {in: "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: abc\r\n\r\n", err: `Sec-WebSocket-Accept "abc"`},
		"not HTTP":        {in: "SSH-2.0\r\n\r\n", err: "refused the upgrade: SSH-2.0"},
		"without an end":  {in: strings.Repeat("x", maxAnswer+1), err: "no end"},
		"long refusal":    {in: "HTTP/1.1 500 x\r\n\r\n" + strings.Repeat("y", 1000), err: "yyy…"},
		"nothing at all ": {},
	} {
		t.Run(name, func(t *testing.T) {
			length, err := parseAnswer([]byte(test.in), test.protocol)
			if test.err == "" && (err != nil || length != test.length) {
				t.Errorf("got %d, %v; want %d", length, err, test.length)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
}
