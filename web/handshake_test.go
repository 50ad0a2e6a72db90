package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubbub/client"
	"hubbub/wire"
)

// Header lines of a good handshake; a row takes some away and adds others.
const (
	host    = "Host: hub.test\r\n"
	upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
	key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	version = "Sec-WebSocket-Version: 13\r\n"
	good    = host + upgrade + key + version
)

func get(target, headers string) string { return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n" }

// TestRefusedRequests has a row for each request that is refused, with what it is told.
func TestRefusedRequests(t *testing.T) {
	long := strings.Repeat("a", 129)
	rows := []struct {
		name, raw string
		status    int
		code      wire.Code
	}{
		// The address.
		{"a broken escape", get("/ws/a%zz", good), 400, wire.BadRequest},
		{"a broken escape, no upgrade", get("/ws/a%", host), 400, wire.BadRequest},
		{"a slash in the id", get("/ws/a%2Fb", good), 400, wire.BadRequest},
		{"a control character in the id", get("/ws/a%0Ab", good), 400, wire.BadRequest},
		{"a C1 control character in the id", get("/ws/a%C2%85b", host), 400, wire.BadRequest},
		{"a NUL in the id", get("/ws/%00", good), 400, wire.BadRequest},
		{"an id that is not UTF-8", get("/ws/%ff", good), 400, wire.BadRequest},
		{"an id that begins with @", get("/ws/@bob", good), 400, wire.BadRequest},
		{"an id that begins with an escaped @", get("/ws/%40bob", good), 400, wire.BadRequest},
		{"an id that begins with $", get("/ws/$status", good), 400, wire.BadRequest},
		{"the id .", get("/ws/.", good), 400, wire.BadRequest},
		{"the id ..", get("/ws/%2e%2e", good), 400, wire.BadRequest},
		{"an id of 129 bytes", get("/ws/"+long, good), 400, wire.BadRequest},
		{"no id", get("/ws/", good), 400, wire.BadRequest},
		{"no id, no upgrade", get("/ws/", host), 400, wire.BadRequest},
		{"no id, no slash", get("/ws", good), 400, wire.BadRequest},
		{"two segments", get("/ws/a/b", good), 400, wire.BadRequest},
		{"a slash behind the id", get("/ws/a/", good), 400, wire.BadRequest},
		{"two slashes", get("/ws//a", good), 400, wire.BadRequest},
		{"steps up and down", get("/ws/a/../b", good), 400, wire.BadRequest},
		{"another case", get("/WS/a", good), 404, codeNotFound},
		{"nowhere", get("/<script>alert(1)</script>", host), 404, codeNotFound},

		// The method and the version of HTTP.
		{"POST", "POST /ws/a HTTP/1.1\r\n" + good + "\r\n", 405, codeMethod},
		{"HEAD", "HEAD /ws/a HTTP/1.1\r\n" + good + "\r\n", 426, codeUpgrade},
		{"HEAD of no id", "HEAD /ws/ HTTP/1.1\r\n" + host + "\r\n", 400, wire.BadRequest},
		{"PUT to the page", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", 405, codeMethod},
		{"a method that nobody knows", "BREW /ws/a HTTP/1.1\r\n" + good + "\r\n", 405, codeMethod},
		{"HTTP/1.0", "GET /ws/a HTTP/1.0\r\n" + good + "\r\n", 426, codeUpgrade},

		// The upgrade.
		{"no upgrade", get("/ws/a", host), 426, codeUpgrade},
		{"no Connection", get("/ws/a", host+"Upgrade: websocket\r\n"+key+version), 426, codeUpgrade},
		{"a Connection without upgrade", get("/ws/a", host+"Upgrade: websocket\r\nConnection: keep-alive\r\n"+key+version), 426, codeUpgrade},
		{"no Upgrade", get("/ws/a", host+"Connection: Upgrade\r\n"+key+version), 426, codeUpgrade},
		{"an Upgrade to something else", get("/ws/a", host+"Upgrade: h2c\r\nConnection: Upgrade\r\n"+key+version), 426, codeUpgrade},
		{"a Connection that closes, too", get("/ws/a", host+"Upgrade: websocket\r\nConnection: Upgrade, close\r\n"+key+version), 400, wire.BadRequest},
		{"version 8", get("/ws/a", host+upgrade+key+"Sec-WebSocket-Version: 8\r\n"), 426, codeUpgrade},
		{"versions 8 and 13", get("/ws/a", host+upgrade+key+"Sec-WebSocket-Version: 8, 13\r\n"), 426, codeUpgrade},
		{"version 13 twice", get("/ws/a", good+version), 426, codeUpgrade},
		{"version 013", get("/ws/a", host+upgrade+key+"Sec-WebSocket-Version: 013\r\n"), 426, codeUpgrade},
		{"no version", get("/ws/a", host+upgrade+key), 426, codeUpgrade},
		{"no key", get("/ws/a", host+upgrade+version), 400, wire.BadRequest},
		{"an empty key", get("/ws/a", host+upgrade+version+"Sec-WebSocket-Key:\r\n"), 400, wire.BadRequest},
		{"two keys", get("/ws/a", good+key), 400, wire.BadRequest},
		{"a short key", get("/ws/a", host+upgrade+version+"Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n"), 400, wire.BadRequest},
		{"a key of 18 bytes", get("/ws/a", host+upgrade+version+"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA\r\n"), 400, wire.BadRequest},
		{"a key that is not base64", get("/ws/a", host+upgrade+version+"Sec-WebSocket-Key: dGhlIHNhb!BsZSBub25jZQ==\r\n"), 400, wire.BadRequest},

		// What a parser has to refuse.
		{"no Host", get("/ws/a", upgrade+key+version), 400, wire.BadRequest},
		{"an empty Host", get("/ws/a", "Host:\r\n"+upgrade+key+version), 400, wire.BadRequest},
		{"no Host, but one in the target", get("http://hub.test/ws/a", upgrade+key+version), 400, wire.BadRequest},
		{"no Host, elsewhere", get("/health", ""), 400, wire.BadRequest},
		{"two Hosts", get("/ws/a", good+host), 400, wire.BadRequest},
		{"a NUL in a header", get("/ws/a", good+"X-Note: a\x00b\r\n"), 400, wire.BadRequest},
		{"a bell in a header", get("/ws/a", good+"X-Note: a\x07b\r\n"), 400, wire.BadRequest},
		{"a DEL in a header", get("/ws/a", good+"X-Note: a\x7fb\r\n"), 400, wire.BadRequest},
		{"a space in a header's name", get("/ws/a", good+"X Note: a\r\n"), 400, wire.BadRequest},
		{"a space behind a header's name", get("/ws/a", good+"X-Note : a\r\n"), 400, wire.BadRequest},
		{"a header without a name", get("/ws/a", good+": a\r\n"), 400, wire.BadRequest},
		{"a line without a name, only spaces", get("/ws/a", good+"  : a\r\n"), 400, wire.BadRequest},
		{"a line without a colon", get("/ws/a", good+"X-Note\r\n"), 400, wire.BadRequest},
		{"a folded header", get("/ws/a", good+"X-Note: a\r\n b\r\n"), 400, wire.BadRequest},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, wire.BadRequest},
		{"a request line of one word", "hello\r\n\r\n", 400, wire.BadRequest},
		{"headers of 9 KB", get("/ws/a", good+"X-Note: "+strings.Repeat("x", 9000)+"\r\n"), 431, codeHeadersLong},
		{"a target of 9 KB", get("/ws/"+strings.Repeat("x", 9000), good), 431, codeHeadersLong},

		// A body.
		{"a body", get("/ws/a", good+"Content-Length: 5\r\n") + "hello", 400, wire.BadRequest},
		{"a length and a coding", get("/ws/a", good+"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, wire.BadRequest},
		{"a chunked body", get("/ws/a", good+"Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n", 400, wire.BadRequest},
		{"an empty chunked body", get("/ws/a", good+"Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, wire.BadRequest},
		{"an identity body", get("/ws/a", good+"Transfer-Encoding: identity\r\n"), 400, wire.BadRequest},
		{"a transfer coding that nobody knows", get("/ws/a", good+"Transfer-Encoding: gzip\r\n"), 400, wire.BadRequest},
		{"a multipart body", get("/ws/a", good+"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n") + "--x--", 400, wire.BadRequest},
		{"two lengths", get("/ws/a", good+"Content-Length: 0\r\nContent-Length: 5\r\n") + "hello", 400, wire.BadRequest},
		{"a large body", "POST /health HTTP/1.1\r\n" + host + "Content-Length: 4000\r\n\r\n", 413, codeBodyTooBig},

		// The dialect.
		{"an unknown dialect", get("/ws/a", good+"Sec-WebSocket-Protocol: mqtt\r\n"), 400, wire.BadRequest},
		{"only unknown dialects", get("/ws/a", good+"Sec-WebSocket-Protocol: mqtt, hubbub.v2\r\nSec-WebSocket-Protocol: bearer.x\r\n"), 400, wire.BadRequest},
		{"another case of a dialect", get("/ws/a", good+"Sec-WebSocket-Protocol: Hubbub.v1\r\n"), 400, wire.BadRequest},
		{"a dialect with a space", get("/ws/a", good+"Sec-WebSocket-Protocol: hubbub.v1 mqtt\r\n"), 400, wire.BadRequest},
		{"a quoted dialect", get("/ws/a", good+"Sec-WebSocket-Protocol: \"hubbub.v1\"\r\n"), 400, wire.BadRequest},

		// The query of a pipe.
		{"an empty room", get("/ws/a?room=", good), 400, wire.BadRequest},
		{"a room without a value", get("/ws/a?room", good), 400, wire.BadRequest},
		{"two rooms", get("/ws/a?room=x&room=x", good), 400, wire.BadRequest},
		{"a room of 256 bytes", get("/ws/a?room="+strings.Repeat("r", 256), good), 400, wire.BadRequest},
		{"a control character in a room", get("/ws/a?room=a%0db", good), 400, wire.BadRequest},
		{"a room that is not UTF-8", get("/ws/a?room=%ff", good), 400, wire.BadRequest},
		{"a broken escape in a room", get("/ws/a?room=%4", good), 400, wire.BadRequest},
		{"a broken escape in another parameter", get("/ws/a?x=%", good), 400, wire.BadRequest},
		{"an empty last", get("/ws/a?room=r&last=", good), 400, wire.BadRequest},
		{"two lasts", get("/ws/a?room=r&last=1&last=1", good), 400, wire.BadRequest},
		{"a last below zero", get("/ws/a?room=r&last=-1", good), 400, wire.BadRequest},
		{"a last with a sign", get("/ws/a?room=r&last=%2B1", good), 400, wire.BadRequest},
		{"a last with a point", get("/ws/a?room=r&last=1.0", good), 400, wire.BadRequest},
		{"a last with an exponent", get("/ws/a?room=r&last=1e3", good), 400, wire.BadRequest},
		{"a last of 2^53", get("/ws/a?room=r&last=9007199254740992", good), 400, wire.BadRequest},
		{"an after without an offset", get("/ws/a?room=r&after=k3", good), 400, wire.BadRequest},
		{"an after without an epoch", get("/ws/a?room=r&after=:3", good), 400, wire.BadRequest},
		{"an after of 2^53", get("/ws/a?room=r&after=k3:9007199254740992", good), 400, wire.BadRequest},
		{"last and after", get("/ws/a?room=r&last=1&after=k3:3", good), 400, wire.BadRequest},
		{"an echo of 2", get("/ws/a?room=r&echo=2", good), 400, wire.BadRequest},
		{"an echo of true", get("/ws/a?room=r&echo=true", good), 400, wire.BadRequest},
		{"two echoes", get("/ws/a?room=r&echo=1&echo=1", good), 400, wire.BadRequest},
		{"an inbox of nobody", get("/ws/a?room=@", good), 400, wire.BadRequest},
		{"somebody else's inbox", get("/ws/a?room=@bob", good), 403, wire.Forbidden},
		{"somebody else's inbox, escaped", get("/ws/a?room=%40bob", good), 403, wire.Forbidden},
	}
	h := newHall()
	_, addr := start(t, h)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			expectProblem(t, exchange(t, addr, row.raw), row.status, row.code, strings.HasPrefix(row.raw, "HEAD"))
		})
	}
	if h.opened != 0 {
		t.Errorf("%d refused handshakes were opened: %+v", h.opened, h.requests)
	}
}

// expectProblem checks what every refusal has in common, and what its status asks for.
func expectProblem(t *testing.T, r reply, status int, code wire.Code, bodiless bool) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	switch status {
	case 426:
		if r.header.Get("Upgrade") != "websocket" || r.header.Get("Sec-WebSocket-Version") != "13" || r.header.Get("Connection") == "" {
			t.Errorf("426 with %v", r.header)
		}
	case 405:
		if allow := r.header.Get("Allow"); allow != "GET, HEAD" {
			t.Errorf("405 with Allow: %q", allow)
		}
	case 400:
		if !r.closed {
			t.Error("the connection stays open behind a 400")
		}
	}
	if bodiless {
		return
	}
	var p struct {
		Type, Title, Detail string
		Status              int
		Code                wire.Code
	}
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	if p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Status != status || p.Code != code {
		t.Errorf("want code %q, got %s", code, r.body)
	}
	if strings.ContainsAny(string(r.body), "<>\x00") || strings.Contains(p.Detail, "script") {
		t.Errorf("the answer reflects the request: %s", r.body)
	}
}

func TestUnknownDialectIsToldWhatThereIs(t *testing.T) {
	_, addr := start(t, newHall())
	r := exchange(t, addr, get("/ws/a", good+"Sec-WebSocket-Protocol: mqtt\r\n"))
	var p struct{ Protocols []string }
	if err := json.Unmarshal(r.body, &p); err != nil || !cmp.Equal(p.Protocols, []string{"hubbub.v1"}) {
		t.Errorf("%v in %s", err, r.body)
	}
}

// TestAcceptedHandshakes has a row for each way to be let in, with what Open is asked for.
func TestAcceptedHandshakes(t *testing.T) {
	echo := func(id string) client.Request { return client.Request{Client: id, Dialect: wire.Echo, Last: -1} }
	pipe := func(room string) client.Request {
		return client.Request{Client: "a", Dialect: wire.Pipe, Room: room, Last: -1}
	}
	json := client.Request{Client: "a", Dialect: wire.JSON, Last: -1}
	with := func(r client.Request, f func(*client.Request)) client.Request { f(&r); return r }
	offer := func(lines string) string { return get("/ws/a", good+lines) }
	rows := []struct {
		name, raw, protocol string
		want                client.Request
	}{
		{"echo", get("/ws/alice", good), "", echo("alice")},
		{"an id that is decoded once", get("/ws/a%2525%20+", good), "", echo("a%25 +")},
		{"an id in UTF-8", get("/ws/%C3%BC\xc3\xbc", good), "", echo("üü")},
		{"an id of 128 bytes", get("/ws/"+strings.Repeat("%61", 128), good), "", echo(strings.Repeat("a", 128))},
		{"other cases and lists", get("/ws/a", host+"upgrade: WebSocket, foo\r\nconnection: keep-alive\r\nconnection: UPGRADE\r\n"+key+version), "", echo("a")},
		{"a length of nothing", get("/ws/a", good+"Content-Length: 0\r\n"), "", echo("a")},
		{"an extension", get("/ws/a", good+"Sec-WebSocket-Extensions: permessage-deflate\r\n"), "", echo("a")},
		{"an Origin", get("/ws/a", good+"Origin: http://elsewhere.test\r\n"), "", echo("a")},
		{"parameters that nobody knows", get("/ws/a?x=&x=1;y&last=5", good), "", echo("a")},
		{"only a credential", offer("Sec-WebSocket-Protocol: bearer.abc\r\n"), "", echo("a")},
		{"an offer of nothing", offer("Sec-WebSocket-Protocol: ,\r\n"), "", echo("a")},

		{"JSON", offer("Sec-WebSocket-Protocol: hubbub.v1\r\n"), "hubbub.v1", json},
		{"JSON among others", offer("Sec-WebSocket-Protocol: mqtt,, hubbub.v1\t,x\r\n"), "hubbub.v1", json},
		{"JSON in the second line", offer("Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: hubbub.v1\r\n"), "hubbub.v1", json},
		{"JSON and a credential", offer("Sec-WebSocket-Protocol: bearer.a.b-c_d, hubbub.v1\r\n"), "hubbub.v1", json},
		{"JSON and a room", get("/ws/a?room=&room=@bob&last=x", good+"Sec-WebSocket-Protocol: hubbub.v1\r\n"), "hubbub.v1", json},

		{"pipe", get("/ws/a?room=lobby", good), "", pipe("lobby")},
		{"pipe and a credential", get("/ws/a?room=lobby&token=x", good+"Sec-WebSocket-Protocol: bearer.abc\r\n"), "", pipe("lobby")},
		{"a form-encoded room", get("/ws/a?%72oom=a+b%2B%26%C3%BC/%25", good), "", pipe("a b+&ü/%")},
		{"one's own inbox", get("/ws/a?room=@a", good), "", pipe("@a")},
		{"a room of the hub", get("/ws/a?room=$status", good), "", pipe("$status")},
		{"last", get("/ws/a?room=r&last=9007199254740991", good), "", with(pipe("r"), func(r *client.Request) { r.Last = 1<<53 - 1 })},
		{"last of nothing", get("/ws/a?last=0&room=r", good), "", with(pipe("r"), func(r *client.Request) { r.Last = 0 })},
		{"after", get("/ws/a?room=r&after=k:3:41", good), "", with(pipe("r"), func(r *client.Request) { r.After = &wire.Position{Epoch: "k:3", Offset: 41} })},
		{"echo=0", get("/ws/a?room=r&echo=0", good), "", with(pipe("r"), func(r *client.Request) { r.NoEcho = true })},
		{"echo=1", get("/ws/a?room=r&echo=1", good), "", pipe("r")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h := newHall()
			_, addr := start(t, h)
			r := exchange(t, addr, row.raw)
			if r.status != 101 {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			if r.header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || r.header.Get("Sec-WebSocket-Extensions") != "" {
				t.Errorf("101 with %v", r.header)
			}
			if got := strings.Join(r.header.Values("Sec-WebSocket-Protocol"), ","); got != row.protocol {
				t.Errorf("speaks %q, want %q", got, row.protocol)
			}
			h.await(t, "the end", func(h *hall) bool { return h.ended == 1 })
			if diff := cmp.Diff([]client.Request{row.want}, h.requests); diff != "" {
				t.Error(diff)
			}
		})
	}
}
