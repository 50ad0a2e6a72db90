package wire

import "strconv"

// Ref is the ref of a command as the client wrote it (`"a"`, `7`), so that it goes back unchanged; "" if there was none.
type Ref string

// CommandType is what a command asks for. The zero value stands for a type that could not be read or is not known.
type CommandType uint8

// The commands of the JSON dialect.
const (
	CmdUnknown CommandType = iota
	CmdJoin
	CmdLeave
	CmdPublish
	CmdSignal
	CmdHistory
	CmdMembers
	CmdAuth
	CmdPing
)

// String is the type's name on the wire, "unknown" for CmdUnknown.
func (t CommandType) String() string {
	names := [...]string{"unknown", "join", "leave", "publish", "signal", "history", "members", "auth", "ping"}
	if int(t) < len(names) {
		return names[t]
	}
	return names[CmdUnknown]
}

// How many messages a page of history has.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Command is one command of the JSON dialect. Which fields mean something depends on Type; the others have the value that
// means "not there". It shares no memory with the frame it was read from.
type Command struct {
	Type CommandType
	Ref  Ref
	Room string // all but auth and ping; a "to" of bob is "@bob" here. It is a valid name; it may be Reserved.

	Presence    bool     // join: also who comes and goes
	HasPresence bool     // join: the client said so either way
	Last        int64    // join: how many messages of the past; -1: not said
	HasAfter    bool     // join: After was said
	After       Position // join: what the client has. Its Epoch is whatever the client wrote, "" included, which is no log's epoch.

	Before      int64  // history: an offset, exclusive; -1: not said
	AfterOffset int64  // history: an offset, exclusive; -1: not said
	Limit       int    // history: 0 to MaxPage
	Epoch       string // history: the epoch that the offsets belong to; "": not said

	Kind    Kind   // publish, signal
	Payload []byte // publish, signal
	Key     string // publish: "": none
	NoEcho  bool   // publish: not back to this connection; there is a Ref then

	Token string // auth
}

func (c *Command) clear() {
	*c = Command{Last: -1, Before: -1, AfterOffset: -1, Limit: DefaultPage}
}

// Decode reads one frame of the JSON dialect. The error has code UnknownType for a well-formed object of an unknown type and
// BadRequest for everything malformed; the command then carries its Ref, and its Type if that is known, as far as they
// could be read, wherever in the object they stand. A field that the command's type has no use for is ignored, whatever it holds.
// It keeps nothing of frame, and needs 1 to 1.6 KB of stack, however deep the frame is nested.
func Decode(frame []byte) (c Command, err *Error) {
	c.clear()
	s := scanners.Get().(*scanner)
	if fault := s.object(frame); fault != nil {
		err = syntaxError(fault)
		c.salvage(frame)
	} else {
		err = c.read(s)
	}
	s.release(len(frame))
	return c, err
}

// read takes the command's fields from where the scanner found them.
func (c *Command) read(s *scanner) *Error {
	ref, refFits := refOf(s.values[fieldRef])
	c.Ref = ref
	if s.values[fieldType] == nil {
		return bad(`type is missing: say what the command asks for, as in "type":"ping"`)
	}
	name, ok := nameOf(s.values[fieldType])
	if !ok {
		return bad("type must be a string")
	}
	c.Type = typeNamed(name)
	if !refFits {
		return bad("ref must be a string of at most 64 bytes or an integer within ±(2^53-1)")
	}
	switch c.Type {
	case CmdJoin:
		return c.readJoin(s)
	case CmdLeave, CmdMembers:
		return c.readRoom(s)
	case CmdPublish:
		return c.readPublish(s)
	case CmdSignal:
		if err := c.readTarget(s); err != nil {
			return err
		}
		return c.readPayload(s)
	case CmdHistory:
		return c.readHistory(s)
	case CmdAuth:
		return c.readToken(s)
	case CmdPing:
		return nil
	}
	return &Error{Code: UnknownType, Message: "type " + strconv.Quote(cut(string(name), 20)) +
		" is not known: use join, leave, publish, signal, history, members, auth or ping"}
}

func (c *Command) readJoin(s *scanner) *Error {
	if err := c.readRoom(s); err != nil {
		return err
	}
	presence := s.values[fieldPresence]
	c.HasPresence = presence != nil
	var ok bool
	if c.Presence, ok = boolOf(presence, false); !ok {
		return bad("presence must be true or false")
	}
	if s.values[fieldLast] != nil && s.values[fieldAfter] != nil {
		return bad("last and after exclude each other: send one of them")
	}
	if c.Last, ok = countOf(s.values[fieldLast], -1); !ok {
		return bad("last " + notCount)
	}
	if after := s.values[fieldAfter]; after != nil {
		c.HasAfter = true
		if c.After, ok = positionOf(after); !ok {
			return bad(`after must be a position, as in {"epoch":"k3","offset":41}`)
		}
	}
	return nil
}

func (c *Command) readPublish(s *scanner) *Error {
	if err := c.readTarget(s); err != nil {
		return err
	}
	if err := c.readPayload(s); err != nil {
		return err
	}
	if key := s.values[fieldKey]; key != nil {
		var ok bool
		if c.Key, ok = textOf(key); !ok || len(c.Key) > MaxKey {
			return bad("key must be a string of at most 64 bytes")
		}
	}
	echo, ok := boolOf(s.values[fieldEcho], true)
	if !ok {
		return bad("echo must be true or false")
	}
	if c.NoEcho = !echo; c.NoEcho && c.Ref == "" {
		return bad("echo:false needs a ref: only the answer tells this connection the message's offset")
	}
	return nil
}

func (c *Command) readHistory(s *scanner) *Error {
	if err := c.readRoom(s); err != nil {
		return err
	}
	if s.values[fieldBefore] != nil && s.values[fieldAfter] != nil {
		return bad("before and after exclude each other: send one of them")
	}
	var ok bool
	if c.Before, ok = countOf(s.values[fieldBefore], -1); !ok {
		return bad("before " + notCount)
	}
	if c.AfterOffset, ok = countOf(s.values[fieldAfter], -1); !ok {
		return bad("after " + notCount)
	}
	limit, ok := countOf(s.values[fieldLimit], DefaultPage)
	if !ok {
		return bad("limit " + notCount)
	}
	c.Limit = int(min(limit, MaxPage))
	if epoch := s.values[fieldEpoch]; epoch != nil {
		if c.Epoch, ok = textOf(epoch); !ok {
			return bad("epoch must be a string")
		}
		if c.Epoch == "" {
			return bad("epoch is empty, which no log's is: leave it out or name the log's")
		}
	}
	return nil
}

func (c *Command) readToken(s *scanner) *Error {
	token := s.values[fieldToken]
	if token == nil {
		return bad("token is missing")
	}
	var ok bool
	if c.Token, ok = textOf(token); !ok {
		return bad("token must be a string")
	}
	return nil
}

// readRoom takes the room of a command that cannot go to a client.
func (c *Command) readRoom(s *scanner) *Error {
	room := s.values[fieldRoom]
	if room == nil {
		return bad("room is missing: name the room")
	}
	var ok bool
	if c.Room, ok = textOf(room); !ok {
		return bad("room must be a string")
	}
	if fault := roomFault(c.Room); fault != "" {
		return bad("the room " + fault)
	}
	return nil
}

// readTarget takes the room, or the client whose inbox is meant.
func (c *Command) readTarget(s *scanner) *Error {
	to := s.values[fieldTo]
	if to == nil {
		return c.readRoom(s)
	}
	if s.values[fieldRoom] != nil {
		return bad("room and to exclude each other: send one of them")
	}
	client, ok := textOf(to)
	if !ok {
		return bad("to must be a string")
	}
	if fault := clientFault(client); fault != "" {
		return bad("the client id in to " + fault)
	}
	c.Room = Inbox(client)
	return nil
}

func (c *Command) readPayload(s *scanner) *Error {
	data, encoded := s.values[fieldData], s.values[fieldBase64]
	switch {
	case data != nil && encoded != nil:
		return bad("data and base64 exclude each other: send one of them")
	case encoded != nil:
		var ok bool
		if c.Payload, ok = binaryOf(encoded); !ok {
			return bad("base64 must be a string of standard base64 with padding and without line breaks")
		}
		c.Kind = KindBinary
	case data != nil:
		c.Kind, c.Payload = payloadOf(data)
	default:
		return bad("data is missing: send data, or base64 for bytes")
	}
	return nil
}

func bad(message string) *Error { return &Error{Code: BadRequest, Message: message} }
