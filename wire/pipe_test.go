package wire

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestAppendPipe(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		op   ws.OpCode
	}{{KindJSON, ws.OpText}, {KindText, ws.OpText}, {KindBinary, ws.OpBinary}} {
		m := &Message{Kind: c.kind, Payload: []byte(` {"a" : 1}`)}
		frame, rest := readFrame(t, AppendPipe(nil, m))
		if frame.Header.OpCode != c.op || string(frame.Payload) != string(m.Payload) || len(rest) != 0 {
			t.Errorf("kind %d: %+v %q", c.kind, frame.Header, frame.Payload)
		}
	}
}

func TestPipeKind(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for payload, want := range map[string]Kind{
		`{"a":1}`:              KindJSON,
		`[]`:                   KindJSON,
		`{}`:                   KindJSON,
		" \t\r\n[1, 2]\n":      KindJSON,
		`[{"a":[{}]},null]`:    KindJSON,
		`["\ud83d\ude00"]`:     KindJSON,
		nested(127):            KindJSON,
		``:                     KindText,
		` `:                    KindText,
		`hello`:                KindText,
		`"quoted"`:             KindText,
		`1`:                    KindText,
		`null`:                 KindText,
		`{`:                    KindText,
		`[`:                    KindText,
		`[1,]`:                 KindText,
		`[}`:                   KindText,
		`{"a":1`:               KindText,
		`{"a":1}{}`:            KindText,
		`[] x`:                 KindText,
		`{'a':1}`:              KindText,
		`{"a":1,"a":2}`:        KindText,
		`[{"a":1,"\u0061":2}]`: KindText,
		`["\ud83d"]`:           KindText,
		`["\ude00\ud83d"]`:     KindText,
		"[\"\xff\"]":           KindText,
		"\ufeff{}":             KindText,
		"\v{}":                 KindText,
		nested(128):            KindText,
		nested(10000):          KindText,
	} {
		if got := PipeKind([]byte(payload)); got != want {
			t.Errorf("%.60q is %d", payload, got)
		}
	}
}

// TestPipeKindIsWhatPublishTakes checks the rule that the pipe's JSON is what the JSON dialect would take as data.
func TestPipeKindIsWhatPublishTakes(t *testing.T) {
	for _, n := range []int{1, 2, 126, 127, 128, 129} {
		data := strings.Repeat(`{"a":[`, n/2) + strings.Repeat("[", n%2) + strings.Repeat("]", n%2) + strings.Repeat("]}", n/2)
		_, err := Decode([]byte(`{"type":"publish","room":"r","data":` + data + `}`))
		if (err == nil) != (PipeKind([]byte(data)) == KindJSON) {
			t.Errorf("%d levels: the pipe says %d, publish %v", n, PipeKind([]byte(data)), err)
		}
	}
}

func FuzzPipeKind(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\u0061",{}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		trimmed := strings.TrimLeft(string(payload), " \t\r\n")
		want := KindText
		if strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if modelFault(payload, 127) == "" {
				want = KindJSON
			}
		}
		if got := PipeKind(payload); got != want {
			t.Fatalf("%q is %d, want %d (%s)", payload, got, want, modelFault(payload, 127))
		}
	})
}
