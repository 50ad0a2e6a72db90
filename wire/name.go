package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names and keys, in bytes of UTF-8.
const (
	MaxClient = 128
	MaxRoom   = 255
	MaxKey    = 64
	MaxRef    = 64 // of a string ref, between its quotes
)

// CheckClient says why id is no client id, or nil: 1–128 bytes of UTF-8 without control characters (Unicode Cc) and
// without "/", not beginning with "@" or "$", not "." or "..". The error is a *Error with code BadRequest.
func CheckClient(id string) error {
	if fault := clientFault(id); fault != "" {
		return &Error{Code: BadRequest, Message: "the client id " + fault}
	}
	return nil
}

// CheckRoom says why name is no room's name, or nil: 1–255 bytes of UTF-8 without control characters; behind an "@" a
// client id. Names that begin with "$" are rooms too, see Reserved. The error is a *Error with code BadRequest.
func CheckRoom(name string) error {
	if fault := roomFault(name); fault != "" {
		return &Error{Code: BadRequest, Message: "the room " + fault}
	}
	return nil
}

// Inbox is the room that only client may join and anybody may publish to.
func Inbox(client string) string { return "@" + client }

// InboxOwner is the client whose inbox room is; ok is false for every other room.
func InboxOwner(room string) (client string, ok bool) { return strings.CutPrefix(room, "@") }

// Reserved reports whether room is one of the hub's own, which nobody else publishes to.
func Reserved(room string) bool { return strings.HasPrefix(room, "$") }

// clientFault completes a sentence of which the id is the subject; "" says that there is no fault.
func clientFault(id string) string {
	switch {
	case id == "":
		return "is empty: give it 1 to 128 bytes"
	case len(id) > MaxClient:
		return "is longer than 128 bytes of UTF-8: choose a shorter one"
	case id == "." || id == "..":
		return `is "." or "..", which a URL path cannot carry: choose another`
	case id[0] == '@' || id[0] == '$':
		return `begins with "@" or "$": choose another first character`
	case strings.IndexByte(id, '/') >= 0:
		return `contains "/": leave it out`
	}
	return charFault(id)
}

func roomFault(name string) string {
	switch {
	case name == "":
		return "is empty: give it 1 to 255 bytes"
	case len(name) > MaxRoom:
		return "is longer than 255 bytes of UTF-8: choose a shorter name"
	}
	if client, ok := InboxOwner(name); ok {
		if fault := clientFault(client); fault != "" {
			return "names an inbox, but the client id behind the \"@\" " + fault
		}
	}
	return charFault(name)
}

// charFault is the rule for characters that clients and rooms share. A byte loop goes first because
// nearly all names are ASCII.
func charFault(s string) string {
	const control = "contains a control character: leave it out"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == 0x7f {
			return control
		}
		if c < utf8.RuneSelf {
			continue
		}
		if !utf8.ValidString(s[i:]) {
			return "is not UTF-8"
		}
		if strings.IndexFunc(s[i:], unicode.IsControl) >= 0 {
			return control
		}
		return ""
	}
	return ""
}
