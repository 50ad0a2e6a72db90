package wire

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// readFrame reads the first frame of b with a reader that is not ours and checks what all our frames have in common.
func readFrame(t interface{ Fatalf(string, ...any) }, b []byte) (frame ws.Frame, rest []byte) {
	r := bytes.NewReader(b)
	header, err := ws.ReadHeader(r)
	if err != nil {
		t.Fatalf("no header: %v", err)
	}
	if header.Length > int64(r.Len()) {
		t.Fatalf("a payload of %d bytes, of which %d are there", header.Length, r.Len())
	}
	frame = ws.Frame{Header: header, Payload: make([]byte, header.Length)}
	_, _ = r.Read(frame.Payload)
	if err := ws.CheckHeader(frame.Header, ws.StateClientSide); err != nil {
		t.Fatalf("a client refuses the frame: %v", err)
	}
	if !frame.Header.Fin || frame.Header.Masked {
		t.Fatalf("not one whole unmasked frame: %+v", frame.Header)
	}
	rest = b[len(b)-r.Len():]
	if n, ok := FrameLen(b); !ok || n != len(b)-len(rest) {
		t.Fatalf("FrameLen says %d, %v of a frame of %d bytes", n, ok, len(b)-len(rest))
	}
	return frame, rest
}

// frameLengths are the payload lengths around which a header changes.
var frameLengths = []int{0, 1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 200000}

func TestFrames(t *testing.T) {
	for _, n := range frameLengths {
		for _, op := range []Op{OpText, OpBinary} {
			payload := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
			before := []byte("what stands before")
			buf, mark := Begin(bytes.Clone(before))
			began := End(append(buf, payload...), mark, op)
			appended := AppendFrame(bytes.Clone(before), op, payload)
			if !bytes.Equal(began, appended) {
				t.Errorf("%d bytes: Begin and End make another frame than AppendFrame", n)
			}
			text, ok := bytes.CutPrefix(began, before)
			if !ok {
				t.Fatalf("%d bytes: what stood before is gone", n)
			}
			frame, rest := readFrame(t, append(text, "next"...))
			if frame.Header.OpCode != ws.OpCode(op) || !bytes.Equal(frame.Payload, payload) || string(rest) != "next" {
				t.Errorf("%d bytes: got %+v and %q behind it", n, frame.Header, rest)
			}
		}
	}
}

func TestFramesWithoutAllocation(t *testing.T) {
	dst := make([]byte, 0, 300000)
	payload := make([]byte, 200000)
	m := &Message{Client: "alice", Kind: KindText, Payload: []byte(strings.Repeat("\"hé\" ", 50))}
	list := []string{"alice", "bob"}
	for name, f := range map[string]func(){
		"frame": func() {
			for _, n := range frameLengths {
				buf, mark := Begin(dst)
				End(append(buf, payload[:n]...), mark, OpText)
				AppendFrame(dst, OpText, payload[:n])
			}
		},
		"close":    func() { AppendClose(dst, CloseHole, "a hole") },
		"message":  func() { AppendMessageFrame(dst, "комната для разговоров обо всём", m) },
		"pipe":     func() { AppendPipe(dst, m) },
		"joined":   func() { AppendJoined(dst, `"a"`, "lobby", Position{"k3", 1}, 2) },
		"presence": func() { AppendPresence(dst, "lobby", list, list, 2) },
		"error":    func() { AppendError(dst, "1", &Error{Code: Internal, Message: "mend \"it\""}) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestFrameLenNeedsTheHeader(t *testing.T) {
	for _, n := range frameLengths {
		frame := AppendFrame(nil, OpText, make([]byte, n))
		for held := range len(frame) - n {
			if got, ok := FrameLen(frame[:held]); ok {
				t.Errorf("%d bytes of the header of %d: %d", held, n, got)
			}
		}
		if got, ok := FrameLen(frame[:len(frame)-n]); !ok || got != len(frame) {
			t.Errorf("the whole header of %d: %d, %v", n, got, ok)
		}
	}
	if n, ok := FrameLen([]byte{0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255}); ok {
		t.Errorf("an absurd length was taken: %d", n)
	}
}

func TestAppendClose(t *testing.T) {
	for _, c := range []struct {
		code   CloseCode
		reason string
		want   string
	}{
		{CloseNormal, "", ""},
		{CloseHole, "a hole", "a hole"},
		{CloseInternal, strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{CloseInternal, strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{CloseInternal, strings.Repeat("é", 62), strings.Repeat("é", 61)},
		{CloseInternal, strings.Repeat("€", 41), strings.Repeat("€", 41)},
		{CloseInternal, "a" + strings.Repeat("€", 41), "a" + strings.Repeat("€", 40)},
	} {
		frame, rest := readFrame(t, AppendClose(nil, c.code, c.reason))
		code, reason := ws.ParseCloseFrameData(frame.Payload)
		if frame.Header.OpCode != ws.OpClose || len(rest) != 0 || code != ws.StatusCode(c.code) || reason != c.want || !utf8.ValidString(reason) {
			t.Errorf("%d %q: %d %q", c.code, c.reason, code, reason)
		}
	}
	if diff := cmp.Diff([]byte{0x88, 0}, AppendClose(nil, CloseNoStatus, "not to be sent")); diff != "" {
		t.Errorf("no status: %s", diff)
	}
}

func TestMessageFrame(t *testing.T) {
	for _, n := range frameLengths {
		m := &Message{Offset: 1, Client: "a", Kind: KindText, Payload: bytes.Repeat([]byte("x"), n)}
		frame, rest := readFrame(t, AppendMessageFrame(nil, "r", m))
		if string(frame.Payload) != string(AppendMessage(nil, "r", m)) || frame.Header.OpCode != ws.OpText || len(rest) != 0 {
			t.Errorf("%d bytes: %+v", n, frame.Header)
		}
	}
}

// TestRun checks that a run of frames comes apart where its frames end.
func TestRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payloads := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 10).Draw(t, "payloads")
		var run []byte
		for i, p := range payloads {
			if i%2 == 0 {
				run = AppendFrame(run, OpBinary, p)
				continue
			}
			buf, mark := Begin(run)
			run = End(append(buf, p...), mark, OpBinary)
		}
		for i, p := range payloads {
			var frame ws.Frame
			frame, run = readFrame(t, run)
			if !bytes.Equal(frame.Payload, p) {
				t.Fatalf("frame %d holds something else", i)
			}
		}
		if len(run) != 0 {
			t.Fatalf("%d bytes too many", len(run))
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("hi"), []byte{0x81, 2, 'h', 'i'}, 3)
	f.Fuzz(func(t *testing.T, payload, foreign []byte, times int) {
		payload = bytes.Repeat(payload, times&0xff)
		buf, mark := Begin([]byte("x"))
		b := End(append(buf, payload...), mark, OpBinary)
		if !bytes.Equal(b[1:], AppendFrame(nil, OpBinary, payload)) {
			t.Fatal("Begin and End make another frame than AppendFrame")
		}
		if frame, rest := readFrame(t, b[1:]); !bytes.Equal(frame.Payload, payload) || len(rest) != 0 {
			t.Fatal("what was read is not what was written")
		}

		// Of bytes that are not ours FrameLen says what the other reader says of their header, or nothing.
		n, ok := FrameLen(foreign)
		if !ok || foreign[1]&0x80 != 0 {
			return
		}
		r := bytes.NewReader(foreign)
		h, err := ws.ReadHeader(r)
		if err != nil || int64(n) != h.Length+int64(len(foreign)-r.Len()) {
			t.Fatalf("FrameLen says %d of % x, whose header is %+v (%v)", n, foreign, h, err)
		}
	})
}
