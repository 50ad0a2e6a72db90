package web

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"hubbub/client"
	"hubbub/wire"
)

// maxInteger is the largest integer that every JSON reader can hold, 2^53−1.
const maxInteger = 1<<53 - 1

// query is a form-encoded query by its names. The values may be parts of one long string: clone what is kept.
type query map[string][]string

// parseQuery is stricter than net/url in one thing, UTF-8, and looser in one: a ";" is an ordinary character.
func parseQuery(raw string) (query, error) {
	q := query{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, badRequest("the query has a broken percent escape: form-encode it")
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, badRequest("the query has a broken percent escape: form-encode it")
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, badRequest("the query is not UTF-8: encode it as UTF-8 before percent-encoding it")
		}
		q[name] = append(q[name], value)
	}
	return q, nil
}

// one returns a parameter that may be left out, but not be empty or repeated.
func (q query) one(name string) (string, bool, error) {
	values, there := q[name]
	if !there {
		return "", false, nil
	}
	if len(values) != 1 || values[0] == "" {
		return "", false, badRequest("give " + name + " once and with a value, or leave it out")
	}
	return values[0], true, nil
}

// pipe fills in what a pipe asks for. Without a room there is no pipe, and the other parameters mean nothing.
func (q query) pipe(r *client.Request) error {
	room, _, err := q.one("room")
	if err != nil {
		return err
	}
	r.Room = strings.Clone(room)
	if err := wire.CheckRoom(r.Room); err != nil {
		return fromWire(err)
	}
	if owner, is := wire.InboxOwner(r.Room); is && owner != r.Client {
		return newProblem(fasthttp.StatusForbidden, wire.Forbidden, "only its owner may join an inbox: connect as its owner, or join another room")
	}
	if err := q.start(r); err != nil {
		return err
	}
	echo, there, err := q.one("echo")
	if err != nil {
		return err
	}
	if there && echo != "0" && echo != "1" {
		return badRequest("echo is 0 or 1")
	}
	r.NoEcho = echo == "0"
	return nil
}

// start fills in where in the room's log a pipe begins.
func (q query) start(r *client.Request) error {
	last, hasLast, err := q.one("last")
	if err != nil {
		return err
	}
	after, hasAfter, err := q.one("after")
	if err != nil {
		return err
	}
	switch {
	case hasLast && hasAfter:
		return badRequest("give last or after, not both")
	case hasLast:
		n, ok := parseInteger(last)
		if !ok {
			return badRequest("last is an integer from 0 to 9007199254740991")
		}
		r.Last = int64(n)
	case hasAfter:
		at, ok := parsePosition(after)
		if !ok {
			return badRequest("after is EPOCH:OFFSET, as a position of this room")
		}
		r.After = &at
	}
	return nil
}

// parsePosition reads EPOCH:OFFSET.
func parsePosition(s string) (wire.Position, bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon <= 0 {
		return wire.Position{}, false
	}
	offset, ok := parseInteger(s[colon+1:])
	return wire.Position{Epoch: strings.Clone(s[:colon]), Offset: offset}, ok
}

// parseInteger reads digits and nothing else, up to 2^53−1.
func parseInteger(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64) // takes no sign and, in base 10, no underscore
	return n, err == nil && n <= maxInteger
}
