package wire

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Protocol is the name of the JSON dialect in Sec-WebSocket-Protocol and in the welcome.
const Protocol = "hubbub.v1"

// The functions below append one event of the JSON dialect as JSON text, without a frame's header, in the field order of
// PROTOCOL.md. They allocate nothing when dst has room. A ref of "" is left out.

// Welcome is the first thing that a connection of the JSON dialect is told.
type Welcome struct {
	Client     string // who connects
	Connection string // this connection's id
	Instance   string // which instance it reached
	Ping       int    // seconds between the hub's pings
	Message    int64  // the longest message that the hub takes, in bytes
	Rooms      int    // how many rooms one connection may join
}

// Member is one client of a room and its number of connections to it.
type Member struct {
	Client      string
	Connections int
}

// AppendWelcome appends the first frame of a connection.
func AppendWelcome(dst []byte, w Welcome) []byte {
	dst = append(dst, `{"type":"welcome","protocol":"`+Protocol+`","client":`...)
	dst = appendString(dst, w.Client)
	dst = append(dst, `,"connection":`...)
	dst = appendString(dst, w.Connection)
	dst = append(dst, `,"instance":`...)
	dst = appendString(dst, w.Instance)
	dst = append(dst, `,"ping":`...)
	dst = strconv.AppendInt(dst, int64(w.Ping), 10)
	dst = append(dst, `,"limits":{"message":`...)
	dst = strconv.AppendInt(dst, w.Message, 10)
	dst = append(dst, `,"rooms":`...)
	dst = strconv.AppendInt(dst, int64(w.Rooms), 10)
	return append(dst, "}}"...)
}

// AppendJoined appends the answer to join: at is the log's end, count the room's clients.
func AppendJoined(dst []byte, ref Ref, room string, at Position, count int) []byte {
	dst = appendHead(dst, "joined", ref, room)
	dst = appendPosition(dst, at)
	dst = appendCount(dst, count)
	return append(dst, '}')
}

// AppendMessage appends a message of the room's log.
func AppendMessage(dst []byte, room string, m *Message) []byte {
	dst = appendHead(dst, "message", "", room)
	dst = append(dst, `,"offset":`...)
	dst = appendRest(dst, m)
	return append(dst, '}')
}

// AppendTrimmed appends the hole of the offsets from to to, both included, which are not to be had any more.
func AppendTrimmed(dst []byte, room string, from, to uint64) []byte {
	dst = appendHead(dst, "gap", "", room)
	dst = append(dst, `,"from":`...)
	dst = strconv.AppendUint(dst, from, 10)
	dst = append(dst, `,"to":`...)
	dst = strconv.AppendUint(dst, to, 10)
	return append(dst, `,"reason":"trimmed"}`...)
}

// AppendNewEpoch appends the announcement that what follows comes from another log.
func AppendNewEpoch(dst []byte, room, epoch string) []byte {
	dst = appendHead(dst, "gap", "", room)
	dst = append(dst, `,"epoch":`...)
	dst = appendString(dst, epoch)
	return append(dst, `,"reason":"epoch"}`...)
}

// AppendPublished appends the answer to publish. A duplicate names the position of the first publish with its key.
func AppendPublished(dst []byte, ref Ref, room string, at Position, duplicate bool) []byte {
	dst = appendHead(dst, "published", ref, room)
	dst = appendPosition(dst, at)
	if duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	return append(dst, '}')
}

// AppendLeft appends the answer to leave.
func AppendLeft(dst []byte, ref Ref, room string) []byte {
	return append(appendHead(dst, "left", ref, room), '}')
}

// AppendSignal appends a signal: a payload without offset, time and key.
func AppendSignal(dst []byte, room string, m *Message) []byte {
	dst = appendHead(dst, "signal", "", room)
	dst = append(dst, `,"from":`...)
	dst = appendString(dst, m.Client)
	dst = appendPayload(dst, m)
	return append(dst, '}')
}

// AppendPresence appends who came and who went, and how many clients the room has. With both lists nil it
// carries the count alone; otherwise both lists are there.
func AppendPresence(dst []byte, room string, joined, left []string, count int) []byte {
	dst = appendHead(dst, "presence", "", room)
	if joined != nil || left != nil {
		dst = append(dst, `,"joined":`...)
		dst = appendStrings(dst, joined)
		dst = append(dst, `,"left":`...)
		dst = appendStrings(dst, left)
	}
	dst = appendCount(dst, count)
	return append(dst, '}')
}

// AppendHistory appends a page of a room's log. first and last are the oldest kept and the newest offset of the
// whole log (1 and 0 when it is empty); messages ascend.
func AppendHistory(dst []byte, ref Ref, room, epoch string, first, last uint64, messages []*Message) []byte {
	dst = appendHead(dst, "history", ref, room)
	dst = append(dst, `,"epoch":`...)
	dst = appendString(dst, epoch)
	dst = append(dst, `,"first":`...)
	dst = strconv.AppendUint(dst, first, 10)
	dst = append(dst, `,"last":`...)
	dst = strconv.AppendUint(dst, last, 10)
	dst = append(dst, `,"messages":[`...)
	for i := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"offset":`...)
		dst = appendRest(dst, messages[i])
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// AppendMembers appends who is in a room; count is of all clients, also of those that members leaves out.
func AppendMembers(dst []byte, ref Ref, room string, count int, members []Member) []byte {
	dst = appendHead(dst, "members", ref, room)
	dst = appendCount(dst, count)
	dst = append(dst, `,"members":[`...)
	for i := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"client":`...)
		dst = appendString(dst, members[i].Client)
		dst = append(dst, `,"connections":`...)
		dst = strconv.AppendInt(dst, int64(members[i].Connections), 10)
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// AppendAuthorized appends the answer to auth; expires is milliseconds since 1970.
func AppendAuthorized(dst []byte, ref Ref, client string, expires int64) []byte {
	dst = appendRef(append(dst, `{"type":"authorized"`...), ref)
	dst = append(dst, `,"client":`...)
	dst = appendString(dst, client)
	dst = append(dst, `,"expires":`...)
	dst = strconv.AppendInt(dst, expires, 10)
	return append(dst, '}')
}

// AppendPong appends the answer to ping; time is milliseconds since 1970.
func AppendPong(dst []byte, ref Ref, time int64) []byte {
	dst = appendRef(append(dst, `{"type":"pong"`...), ref)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, time, 10)
	return append(dst, '}')
}

// AppendError appends an error; RetryAfter is left out when it is 0.
func AppendError(dst []byte, ref Ref, e *Error) []byte {
	dst = appendRef(append(dst, `{"type":"error"`...), ref)
	dst = append(dst, `,"code":`...)
	dst = appendString(dst, string(e.Code))
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, e.Message)
	if e.RetryAfter > 0 {
		dst = append(dst, `,"retry_after":`...)
		dst = strconv.AppendInt(dst, int64(e.RetryAfter), 10)
	}
	return append(dst, '}')
}

// AppendMessageFrame appends AppendMessage as one whole text frame.
func AppendMessageFrame(dst []byte, room string, m *Message) []byte {
	dst, mark := Begin(dst)
	return End(AppendMessage(dst, room, m), mark, OpText)
}

// appendHead appends what nearly all events begin with.
func appendHead(dst []byte, event string, ref Ref, room string) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, event...)
	dst = append(dst, '"')
	dst = appendRef(dst, ref)
	dst = append(dst, `,"room":`...)
	return appendString(dst, room)
}

func appendRef(dst []byte, ref Ref) []byte {
	if ref == "" {
		return dst
	}
	return append(append(dst, `,"ref":`...), ref...)
}

func appendPosition(dst []byte, at Position) []byte {
	dst = append(dst, `,"position":{"epoch":`...)
	dst = appendString(dst, at.Epoch)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendUint(dst, at.Offset, 10)
	return append(dst, '}')
}

func appendCount(dst []byte, count int) []byte {
	return strconv.AppendInt(append(dst, `,"count":`...), int64(count), 10)
}

// appendRest appends a stored message from its offset's value on, up to its closing brace.
func appendRest(dst []byte, m *Message) []byte {
	dst = strconv.AppendUint(dst, m.Offset, 10)
	dst = append(dst, `,"from":`...)
	dst = appendString(dst, m.Client)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, m.Time, 10)
	dst = appendPayload(dst, m)
	if m.Key != "" {
		dst = appendString(append(dst, `,"key":`...), m.Key)
	}
	return dst
}

// appendPayload appends data or base64. JSON goes out as it came in, whitespace and order of keys included.
func appendPayload(dst []byte, m *Message) []byte {
	switch m.Kind {
	case KindBinary:
		dst = append(dst, `,"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, m.Payload)
		return append(dst, '"')
	case KindText:
		return appendString(append(dst, `,"data":`...), m.Payload)
	default:
		return append(append(dst, `,"data":`...), m.Payload...)
	}
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendString appends s as a JSON string with as few escapes as there can be. Bytes that are not UTF-8 come out as U+FFFD, so that
// no foreign writer in the store can make us send a broken frame.
func appendString[S string | []byte](dst []byte, s S) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			dst, _ = jsontext.AppendQuote(dst, s)
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
