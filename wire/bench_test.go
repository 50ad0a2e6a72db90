package wire

import (
	"strings"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ name, frame string }{
		{"publish-json-150", `{"type":"publish","ref":31,"room":"lobby","data":{"text":"hello everybody, how are you doing today?","n":12,"tags":["a","b"],"ok":true},"key":"9f1c3a77"}`},
		{"publish-text-150", `{"type":"publish","ref":31,"room":"lobby","data":"hello everybody, how are you doing today? I am fine, thank you, and you too","key":"9f1c3a77-5d1e"}`},
		{"publish-binary-4K", `{"type":"publish","ref":1,"room":"lobby","base64":"` + strings.Repeat("QUJD", 1024) + `"}`},
		{"join-after", `{"type":"join","ref":1,"room":"lobby","after":{"epoch":"k3","offset":41},"presence":true}`},
		{"ping", `{"type":"ping","ref":7}`},
		{"unknown-type", `{"type":"pingo","ref":7}`},
		{"cut-off", `{"type":"ping","ref":7`},
		{"deep-64K", `{"type":"publish","room":"a","data":` + strings.Repeat("[", 65000)},
		{"wide-64K", `{"type":"publish","room":"a","data":[` + strings.Repeat("{},", 21000) + `1]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			frame := []byte(c.frame)
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				Decode(frame)
			}
		})
	}
}

func BenchmarkPipeKind(b *testing.B) {
	for _, c := range []struct{ name, payload string }{
		{"words", strings.Repeat("hello ", 20)},
		{"object-128", `{"text":"hello everybody, how are you doing today?","n":12,"tags":["a","b"],"ok":true,"more":{"x":1,"y":2.5e3,"z":null,"s":""}}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			payload := []byte(c.payload)
			b.ReportAllocs()
			for b.Loop() {
				PipeKind(payload)
			}
		})
	}
}

func BenchmarkAppendMessageFrame(b *testing.B) {
	for _, c := range []struct {
		name    string
		kind    Kind
		payload string
	}{
		{"json-128", KindJSON, `{"text":"hello everybody, how are you doing today?","n":12,"tags":["a","b"],"ok":true,"more":{"x":1,"y":2.5e3,"z":null,"s":""}}`},
		{"text-128", KindText, strings.Repeat("hello eve", 14)},
		{"text-quoted-128", KindText, strings.Repeat("\"hi\"\tевя", 9)},
		{"binary-128", KindBinary, strings.Repeat("\x00\xff", 64)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := &Message{Offset: 58, Time: 1764000000123, Client: "alice", Key: "9f1c", Kind: c.kind, Payload: []byte(c.payload)}
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				AppendMessageFrame(dst, "lobby", m)
			}
		})
	}
}
