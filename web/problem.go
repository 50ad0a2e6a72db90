package web

import (
	"encoding/json"
	"errors"
	"net"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"hubbub/wire"
)

// Codes that only HTTP has; the others are wire's.
const (
	codeNotFound    wire.Code = "not_found"
	codeMethod      wire.Code = "method_not_allowed"
	codeUpgrade     wire.Code = "upgrade_required"
	codeTimeout     wire.Code = "timeout"
	codeBodyTooBig  wire.Code = "content_too_large"
	codeHeadersLong wire.Code = "headers_too_large"
)

// problem is the answer to a request that is refused, as RFC 9457 has it. Detail says what to do. It holds no text of
// the request but what package wire quotes, and is always JSON, so nothing of it can become HTML.
type problem struct {
	Type      string    `json:"type"`
	Title     string    `json:"title"`
	Status    int       `json:"status"`
	Detail    string    `json:"detail"`
	Code      wire.Code `json:"code"`
	Protocols []string  `json:"protocols,omitempty"` // what the hub speaks, when the request offered nothing of it

	headers [][2]string
}

func (p *problem) Error() string { return p.Detail }

func newProblem(status int, code wire.Code, detail string, headers ...[2]string) *problem {
	return &problem{Type: "about:blank", Title: fasthttp.StatusMessage(status), Status: status, Detail: detail, Code: code, headers: headers}
}

func badRequest(detail string) *problem {
	return newProblem(fasthttp.StatusBadRequest, wire.BadRequest, detail)
}

// methods are those of every address: what can be read has a HEAD, too.
const methods = "GET, HEAD"

func methodNotAllowed(allow string) *problem {
	return newProblem(fasthttp.StatusMethodNotAllowed, codeMethod, "use one of the methods that the Allow header names", [2]string{"Allow", allow})
}

func internalError() *problem {
	return newProblem(fasthttp.StatusInternalServerError, wire.Internal, "the hub failed, not the request: try again later")
}

// fromWire says in HTTP what another package refused.
func fromWire(err error) *problem {
	var e *wire.Error
	if !errors.As(err, &e) {
		return internalError()
	}
	status := fasthttp.StatusBadRequest
	switch e.Code {
	case wire.Unauthorized:
		return newProblem(fasthttp.StatusUnauthorized, e.Code, e.Message, [2]string{"WWW-Authenticate", "Bearer"})
	case wire.Forbidden:
		status = fasthttp.StatusForbidden
	case wire.RateLimited:
		status = fasthttp.StatusTooManyRequests
	case wire.Unavailable:
		status = fasthttp.StatusServiceUnavailable
	case wire.Internal:
		return internalError() // its message is for the log
	}
	p := newProblem(status, e.Code, e.Message)
	if e.Code == wire.Unavailable || e.Code == wire.RateLimited {
		p.headers = append(p.headers, [2]string{"Retry-After", strconv.Itoa(max(1, e.RetryAfter))})
	}
	return p
}

// fromFiber says in our words what a handler returned: one of our problems, or one of Fiber's own errors, whose texts quote the request.
func fromFiber(c *fiber.Ctx, err error) *problem {
	var ours *problem
	if errors.As(err, &ours) {
		return ours
	}
	var e *fiber.Error
	if errors.As(err, &e) {
		switch e.Code {
		case fasthttp.StatusNotFound:
			return newProblem(e.Code, codeNotFound, "there is nothing at this address: the page is at /, sockets are at /ws/{client_id}")
		case fasthttp.StatusMethodNotAllowed:
			return methodNotAllowed(string(c.Response().Header.Peek("Allow"))) // Fiber has put it there
		}
	}
	return internalError()
}

// fromParser says what is wrong with bytes that fasthttp could not read as a request.
func fromParser(err error) *problem {
	var timeout net.Error
	switch {
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return newProblem(fasthttp.StatusRequestHeaderFieldsTooLarge, codeHeadersLong, "the request's headers are too large: send at most 8 KiB")
	case errors.As(err, &timeout) && timeout.Timeout():
		return newProblem(fasthttp.StatusRequestTimeout, codeTimeout, "the request did not arrive in time: send it at once")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return newProblem(fasthttp.StatusRequestEntityTooLarge, codeBodyTooBig, "the request's body is too large: nothing here takes a body")
	}
	return badRequest("this is not a well-formed HTTP/1.1 request: check its request line, its headers and that it has exactly one Host")
}

// answer writes p in place of whatever the response held.
func (p *problem) answer(ctx *fasthttp.RequestCtx) {
	body, err := json.Marshal(p)
	if err != nil { // strings and a number: cannot happen
		body = []byte("{}")
	}
	h := &ctx.Response.Header
	ctx.Response.ResetBody()
	ctx.SetStatusCode(p.Status)
	h.SetContentType("application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	for _, field := range p.headers {
		h.Set(field[0], field[1])
	}
	ctx.Response.SetBodyRaw(body)
}
