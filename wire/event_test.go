package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                     `""`,
		"plain <b>&</b> /":     `"plain <b>&</b> /"`,
		`"\`:                   `"\"\\"`,
		"\b\f\n\r\t":           `"\b\f\n\r\t"`,
		"\x00\x1f\x7f":         "\"\\u0000\\u001f\x7f\"",
		"é€😀":                  `"é€😀"`,
		"\u2028\u2029\ufeff":   "\"\u2028\u2029\ufeff\"",
		"<é>&":                 `"<é>&"`,
		"not UTF-8: \xff\xc3.": "\"not UTF-8: \ufffd\ufffd.\"",
	} {
		if got := string(appendString(nil, s)); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
		if got := string(appendString([]byte("x"), []byte(s))); got != "x"+want {
			t.Errorf("%q as bytes: %s", s, got)
		}
	}
}

// TestEventsWithoutRef checks what is left out when there is nothing to say.
func TestEventsWithoutRef(t *testing.T) {
	at := Position{"k3", 1}
	for want, got := range map[string][]byte{
		`{"type":"joined","room":"r","position":{"epoch":"k3","offset":1},"count":2}`: AppendJoined(nil, "", "r", at, 2),
		`{"type":"published","room":"r","position":{"epoch":"k3","offset":1}}`:        AppendPublished(nil, "", "r", at, false),
		`{"type":"left","room":"r"}`: AppendLeft(nil, "", "r"),
		`{"type":"history","room":"r","epoch":"k3","first":1,"last":0,"messages":[]}`:     AppendHistory(nil, "", "r", "k3", 1, 0, nil),
		`{"type":"members","room":"r","count":0,"members":[]}`:                            AppendMembers(nil, "", "r", 0, nil),
		`{"type":"pong","time":1}`:                                                        AppendPong(nil, "", 1),
		`{"type":"authorized","client":"a","expires":1}`:                                  AppendAuthorized(nil, "", "a", 1),
		`{"type":"error","code":"internal","message":"m"}`:                                AppendError(nil, "", &Error{Code: Internal, Message: "m"}),
		`{"type":"presence","room":"r","joined":["a","b"],"left":[],"count":3}`:           AppendPresence(nil, "r", []string{"a", "b"}, nil, 3),
		`{"type":"presence","room":"r","joined":[],"left":["a"],"count":3}`:               AppendPresence(nil, "r", nil, []string{"a"}, 3),
		`{"type":"presence","room":"r","joined":[],"left":[],"count":3}`:                  AppendPresence(nil, "r", []string{}, nil, 3),
		`{"type":"signal","room":"r","from":"a","base64":"AA=="}`:                         AppendSignal(nil, "r", &Message{Client: "a", Key: "k", Offset: 7, Kind: KindBinary, Payload: []byte{0}}),
		`{"type":"message","room":"r","offset":0,"from":"a","time":-1,"data":""}`:         AppendMessage(nil, "r", &Message{Client: "a", Time: -1, Kind: KindText}),
		`{"type":"gap","room":"r","from":1,"to":18446744073709551615,"reason":"trimmed"}`: AppendTrimmed(nil, "r", 1, 1<<64-1),
	} {
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

// messages draws messages whose JSON payloads are what encoding/json writes.
func messages() *rapid.Generator[Message] {
	return rapid.Custom(func(t *rapid.T) Message {
		m := Message{
			Offset: rapid.Uint64Range(1, 1<<53-1).Draw(t, "offset"),
			Time:   rapid.Int64Range(0, 1<<53-1).Draw(t, "time"),
			Client: rapid.String().Draw(t, "client"),
			Key:    rapid.String().Draw(t, "key"),
			Kind:   Kind(rapid.IntRange(0, 2).Draw(t, "kind")),
		}
		switch m.Kind {
		case KindJSON:
			m.Payload, _ = json.Marshal(rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Int())).Draw(t, "data"))
		case KindText:
			m.Payload = []byte(rapid.String().Draw(t, "text"))
		default:
			m.Payload = rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		}
		return m
	})
}

// event is what a message looks like to a reader; exact says what its fields hold.
type event struct {
	Type, Room, From, Key string
	Offset                uint64
	Time                  int64
	Data                  json.RawMessage
	Base64                *string
}

func checkEvent(t *rapid.T, e event, m *Message) {
	payload := []byte(e.Data)
	switch m.Kind {
	case KindText:
		var text string
		if err := json.Unmarshal(e.Data, &text); err != nil {
			t.Fatalf("data is no string: %s", e.Data)
		}
		payload = []byte(text)
	case KindBinary:
		if e.Base64 == nil || e.Data != nil {
			t.Fatalf("no base64, or data beside it: %+v", e)
		}
		payload, _ = base64.StdEncoding.DecodeString(*e.Base64)
	}
	if e.From != m.Client || e.Key != m.Key || e.Offset != m.Offset || e.Time != m.Time || string(payload) != string(m.Payload) {
		t.Fatalf("%+v became %+v", m, e)
	}
}

func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := messages().Draw(t, "message")
		room := rapid.String().Draw(t, "room")
		var e event
		if err := json.Unmarshal(AppendMessage(nil, room, &m), &e); err != nil {
			t.Fatal(err)
		}
		if e.Type != "message" || e.Room != room {
			t.Fatalf("%+v", e)
		}
		checkEvent(t, e, &m)
	})
}

func TestHistoryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(messages(), 0, 5).Draw(t, "messages")
		var shared []*Message
		for i := range list {
			shared = append(shared, &list[i])
		}
		var page struct {
			Ref         string
			First, Last uint64
			Messages    []event
		}
		if err := json.Unmarshal(AppendHistory(nil, `"a"`, "r", "k", 3, 9, shared), &page); err != nil {
			t.Fatal(err)
		}
		if page.Ref != "a" || page.First != 3 || page.Last != 9 || len(page.Messages) != len(list) {
			t.Fatalf("%+v", page)
		}
		for i := range list {
			checkEvent(t, page.Messages[i], &list[i])
		}
	})
}

// TestPublishRoundTrip sends a payload the whole way: as a command, and as the event that it becomes.
func TestPublishRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := messages().Draw(t, "message")
		m.Key = m.Key[:0]
		data, field := string(m.Payload), "data"
		switch m.Kind {
		case KindText:
			text, _ := json.Marshal(string(m.Payload))
			data = string(text)
		case KindBinary:
			data, field = `"`+base64.StdEncoding.EncodeToString(m.Payload)+`"`, "base64"
		}
		c, err := Decode(fmt.Appendf(nil, `{"type":"publish","room":"r",%q:%s}`, field, data))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if c.Kind != m.Kind || string(c.Payload) != string(m.Payload) {
			t.Fatalf("kind %d %q became kind %d %q", m.Kind, m.Payload, c.Kind, c.Payload)
		}
	})
}
