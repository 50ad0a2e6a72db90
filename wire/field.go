package wire

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions of this file turn one JSON value, as it was written and known to be valid JSON, into
// what a command wants there, as a copy. nil stands for a field that is not there.

// maxInteger is the greatest integer that every JSON reader holds exactly: 2^53-1.
const maxInteger = 1<<53 - 1

// notCount completes a sentence of which a field is the subject.
const notCount = "must be an integer from 0 to 2^53-1, without point or exponent"

// fieldNamed is the field of this name, fieldNone for others.
func fieldNamed(name []byte) field {
	switch string(name) {
	case "type":
		return fieldType
	case "ref":
		return fieldRef
	case "room":
		return fieldRoom
	case "to":
		return fieldTo
	case "presence":
		return fieldPresence
	case "last":
		return fieldLast
	case "after":
		return fieldAfter
	case "before":
		return fieldBefore
	case "limit":
		return fieldLimit
	case "epoch":
		return fieldEpoch
	case "offset":
		return fieldOffset
	case "data":
		return fieldData
	case "base64":
		return fieldBase64
	case "key":
		return fieldKey
	case "echo":
		return fieldEcho
	case "token":
		return fieldToken
	}
	return fieldNone
}

// typeNamed is the command of this name, CmdUnknown for others.
func typeNamed(name []byte) CommandType {
	switch string(name) {
	case "join":
		return CmdJoin
	case "leave":
		return CmdLeave
	case "publish":
		return CmdPublish
	case "signal":
		return CmdSignal
	case "history":
		return CmdHistory
	case "members":
		return CmdMembers
	case "auth":
		return CmdAuth
	case "ping":
		return CmdPing
	}
	return CmdUnknown
}

// nameOf is the characters of a string, valid as long as value is. ok is false for every other value, and for a string
// that is not Unicode.
func nameOf(value []byte) (name []byte, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		name = value[1 : len(value)-1]
		return name, utf8.Valid(name)
	}
	name, err := jsontext.AppendUnquote(nil, value)
	return name, err == nil
}

// textOf is nameOf as a string of its own.
func textOf(value []byte) (s string, ok bool) {
	name, ok := nameOf(value)
	return string(name), ok
}

// refOf is the ref as it was written; ok is true also when there is none.
func refOf(value []byte) (ref Ref, ok bool) {
	if len(value) == 0 {
		return "", true
	}
	if name, ok := nameOf(value); ok {
		if len(name) > MaxRef {
			return "", false
		}
		return Ref(value), true
	}
	if n, ok := integerOf(value); !ok || n < -maxInteger {
		return "", false
	}
	return Ref(value), true
}

// countOf is an integer from 0 to 2^53-1 in its plainest form, or absent.
func countOf(value []byte, absent int64) (n int64, ok bool) {
	if value == nil {
		return absent, true
	}
	n, ok = integerOf(value)
	return n, ok && n >= 0
}

// integerOf is an integer without point and exponent, of at most 2^53-1.
func integerOf(value []byte) (n int64, ok bool) {
	if len(value) > len("-9007199254740991") {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil && n <= maxInteger
}

func boolOf(value []byte, absent bool) (b, ok bool) {
	switch string(value) {
	case "":
		return absent, true
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// positionOf is the position in a join's after. Keys that a position does not have are ignored.
func positionOf(value []byte) (p Position, ok bool) {
	s := scanners.Get().(*scanner)
	defer s.release(len(value))
	if s.object(value) != nil {
		return p, false
	}
	offset, isCount := countOf(s.values[fieldOffset], -1)
	if !isCount || offset < 0 {
		return p, false
	}
	p.Offset = uint64(offset)
	p.Epoch, ok = textOf(s.values[fieldEpoch])
	return p, ok
}

// payloadOf is a data field: a string is text and counts as its characters, every other value stays as it was written.
func payloadOf(value []byte) (Kind, []byte) {
	if value[0] != '"' {
		return KindJSON, bytes.Clone(value)
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return KindText, append([]byte{}, value[1:len(value)-1]...)
	}
	b, _ := jsontext.AppendUnquote([]byte{}, value) // it was read strictly before
	return KindText, b
}

// strict64 refuses what no encoder writes: bits set behind the last byte.
var strict64 = base64.StdEncoding.Strict()

// binaryOf is a base64 field. Encoders of JSON may escape its "/" and "=", so it is a string like any other.
func binaryOf(value []byte) (b []byte, ok bool) {
	text, ok := nameOf(value)
	if !ok {
		return nil, false
	}
	// The decoder passes over line breaks, which only an escape can have brought here.
	if bytes.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := strict64.AppendDecode([]byte{}, text)
	return b, err == nil
}
