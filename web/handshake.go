package web

import (
	"bytes"
	"encoding/base64"
	"iter"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"hubbub/client"
	"hubbub/wire"
)

// protocolJSON is the only dialect that has a name.
const protocolJSON = "hubbub.v1"

// handshake decides whether a request becomes a connection, and as what. The upgrader behind it is laxer than RFC 6455 and answers
// every refusal alike, so nothing reaches it that was not accepted here. rawID is the rest of the path, not yet decoded.
// The request it returns holds copies only: what fasthttp hands out is overwritten by the next request.
func (s *Server) handshake(ctx *fasthttp.RequestCtx, rawID string) (client.Request, error) {
	none := client.Request{}
	h := &ctx.Request.Header
	if !h.IsGet() && !h.IsHead() {
		return none, methodNotAllowed(methods)
	}
	id, err := url.PathUnescape(rawID)
	if err != nil {
		return none, badRequest("the client id has a broken percent escape")
	}
	if err := wire.CheckClient(id); err != nil {
		return none, fromWire(err)
	}
	if err := checkUpgrade(h); err != nil {
		return none, err
	}
	if err := s.checkOrigin(h); err != nil {
		return none, err
	}
	json, err := offersJSON(h)
	if err != nil {
		return none, err
	}
	q, err := parseQuery(string(ctx.URI().QueryString()))
	if err != nil {
		return none, err
	}
	r := client.Request{Client: strings.Clone(id), Dialect: wire.Echo, Last: -1}
	switch {
	case json:
		r.Dialect = wire.JSON
	case q["room"] != nil:
		r.Dialect = wire.Pipe
		err = q.pipe(&r)
	}
	return r, err
}

// checkUpgrade looks at the headers of RFC 6455, section 4.2.1.
func checkUpgrade(h *fasthttp.RequestHeader) error {
	// HTTP/1.0 and HEAD know no Upgrade: it is there by accident.
	if !h.IsHTTP11() || h.IsHead() || !lists(h.PeekAll("Upgrade"), "websocket") || !lists(h.PeekAll("Connection"), "upgrade") {
		return upgradeRequired("this address takes WebSocket handshakes only: connect with ws:// or wss://")
	}
	if versions := h.PeekAll("Sec-WebSocket-Version"); len(versions) != 1 || string(versions[0]) != "13" {
		return upgradeRequired("the hub speaks version 13 of WebSocket: send Sec-WebSocket-Version: 13, once")
	}
	if h.ConnectionClose() { // fasthttp would answer 101 and hang up
		return badRequest("Connection: close contradicts an upgrade: leave it out")
	}
	if h.ContentLength() > 0 || hasTransferEncoding(h) {
		return badRequest("a handshake has no body: leave Content-Length and Transfer-Encoding out")
	}
	if keys := h.PeekAll("Sec-WebSocket-Key"); len(keys) != 1 || !validKey(keys[0]) {
		return badRequest("Sec-WebSocket-Key has to be there once, as 16 random bytes in base64")
	}
	return nil
}

func upgradeRequired(detail string) *problem {
	return newProblem(fasthttp.StatusUpgradeRequired, codeUpgrade, detail,
		[2]string{"Upgrade", "websocket"}, [2]string{"Connection", "Upgrade"}, [2]string{"Sec-WebSocket-Version", "13"})
}

// validKey wants the base64 of 16 bytes: 22 characters and the padding.
func validKey(key []byte) bool {
	var out [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(out[:], key)
	return err == nil && n == 16
}

func (s *Server) checkOrigin(h *fasthttp.RequestHeader) error {
	origins := h.PeekAll("Origin")
	if len(origins) > 1 || len(origins) == 1 && !originAllowed(string(origins[0]), string(h.Host()), s.opts.Origins) {
		return newProblem(fasthttp.StatusForbidden, wire.Forbidden, "pages of this origin may not connect: the hub's operator has to allow it")
	}
	return nil
}

// offersJSON reads the offered dialects, all header lines as one list. A bearer.<token> among them is a credential, not an offer.
func offersJSON(h *fasthttp.RequestHeader) (bool, error) {
	json, unknown := false, false
	for _, line := range h.PeekAll("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(string(line), ",") {
			name = strings.Trim(name, " \t")
			switch {
			case name == "": // RFC 9110, section 5.6.1: a recipient ignores empty elements
			case !isToken(name):
				return false, badRequest("Sec-WebSocket-Protocol is a list of names with commas between them")
			case name == protocolJSON:
				json = true
			case !strings.HasPrefix(name, "bearer."):
				unknown = true
			}
		}
	}
	if unknown && !json {
		p := badRequest("the hub does not speak what Sec-WebSocket-Protocol offers: offer " + protocolJSON + ", or nothing for echo and pipe")
		p.Protocols = []string{protocolJSON}
		return false, p
	}
	return json, nil
}

// lists says whether a list in several header lines has an element, whose case does not matter.
func lists(lines [][]byte, element string) bool {
	for _, line := range lines {
		for name := range strings.SplitSeq(string(line), ",") {
			if strings.EqualFold(strings.Trim(name, " \t"), element) {
				return true
			}
		}
	}
	return false
}

// isToken is RFC 9110's token: what a header's name and the names in a list are made of.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// checkRequest is what every request has to keep to and fasthttp lets through: exactly one Host (it refuses two itself), and names that
// are names, which a folded line has not.
func checkRequest(h *fasthttp.RequestHeader) *problem {
	if h.IsHTTP11() && len(h.Host()) == 0 {
		return badRequest("the request has no Host: send exactly one")
	}
	for name := range rawNames(h) {
		if !isToken(name) {
			return badRequest("a header's name has characters that no name may have, or a header is folded over two lines")
		}
	}
	return nil
}

// hasTransferEncoding looks at the headers as they were sent: fasthttp removes this one once it has read the body.
func hasTransferEncoding(h *fasthttp.RequestHeader) bool {
	for name := range rawNames(h) {
		if strings.EqualFold(name, "Transfer-Encoding") {
			return true
		}
	}
	return false
}

// rawNames are the names of the header lines as they were sent. They live as long as the request.
func rawNames(h *fasthttp.RequestHeader) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(h.RawHeaders()) {
			name, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
			if len(name) > 0 && !yield(string(name)) {
				return
			}
		}
	}
}
