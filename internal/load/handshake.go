package load

import (
	"bytes"
	"fmt"
	"strings"
)

// One key serves all our handshakes, so that the right answer is known beforehand. A key's randomness protects from
// caches that replay answers; there is none between us and a server under test. (Both are RFC 6455's example.)
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// maxAnswer bounds the answer to a handshake.
const maxAnswer = 16 << 10

func appendRequest(dst []byte, e *endpoint, path string) []byte {
	dst = append(dst, "GET "+path+" HTTP/1.1\r\nHost: "+e.host+
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+handshakeKey+"\r\n"...)
	if e.proto != "" {
		dst = append(dst, "Sec-WebSocket-Protocol: "+e.proto+"\r\n"...)
	}
	return append(append(dst, e.extra...), "\r\n"...)
}

// parseAnswer checks the server's answer at the beginning of b and returns its length; 0: it is not whole yet.
func parseAnswer(b []byte, protocol string) (length int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxAnswer {
			return 0, fmt.Errorf("the handshake's answer has no end in %d bytes", len(b))
		}
		return 0, nil
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	if fields := strings.Fields(lines[0]); len(fields) < 2 || fields[1] != "101" {
		return 0, fmt.Errorf("it refused the upgrade: %s%s", lines[0], excerpt(b[end+4:]))
	}
	var accept, spoken string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "sec-websocket-accept":
			accept = strings.TrimSpace(value)
		case "sec-websocket-protocol":
			spoken = strings.TrimSpace(value)
		}
	}
	if accept != handshakeAccept {
		return 0, fmt.Errorf("the handshake's answer has Sec-WebSocket-Accept %q, want %q", accept, handshakeAccept)
	}
	if spoken != protocol {
		return 0, fmt.Errorf("the server speaks protocol %q, not %q", spoken, protocol)
	}
	return end + 4, nil
}

// excerpt is the beginning of a refusal's body, which usually says why.
func excerpt(body []byte) string {
	text := strings.TrimSpace(string(body))
	if text == "" {
		return ""
	}
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return ": " + text
}
