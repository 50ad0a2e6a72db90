package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep a command may be nested; the command itself is the first level.
const maxDepth = 128

// field is a key that a command, or the position in its after, may have.
type field uint8

const (
	fieldNone field = iota // a key that means nothing to us
	fieldType
	fieldRef
	fieldRoom
	fieldTo
	fieldPresence
	fieldLast
	fieldAfter
	fieldBefore
	fieldLimit
	fieldEpoch
	fieldOffset
	fieldData
	fieldBase64
	fieldKey
	fieldEcho
	fieldToken
	fieldCount
)

var (
	errNotObject = errors.New("not an object")
	errTooDeep   = errors.New("too deep")
	errTrailing  = errors.New("something behind the object")
)

// scanner reads one JSON object and notes where the values of the keys are that a command may have. It reads token by token,
// never a nested value by recursion, so that neither the depth of what a client sends nor the decoder's own
// call depth grows the stack of the goroutine that it runs on.
type scanner struct {
	dec    jsontext.Decoder
	buf    bytes.Buffer       // what dec reads: it parses such a buffer in place
	values [fieldCount][]byte // parts of the object that was read, as they were written; nil: not there
	depth  int                // the deepest level that is allowed
}

var scanners = sync.Pool{New: func() any {
	s := &scanner{depth: maxDepth}
	s.dec.Reset(&s.buf)
	return s
}}

// maxKept bounds the objects whose scanner is used again: a decoder keeps the names of the objects it was in,
// so one that read many large objects of ever smaller depth would hold 128 times this.
const maxKept = 16 << 10

// release gives a scanner that came from the pool back. What it read is not referred to any more.
func (s *scanner) release(read int) {
	if read > maxKept {
		return
	}
	s.buf = bytes.Buffer{}
	s.dec.Reset(&s.buf)
	clear(s.values[:])
	scanners.Put(s)
}

// object reads text as one JSON object. The first of several values for a key counts (there are
// several only if the decoder was told to be lenient).
func (s *scanner) object(text []byte) error {
	s.buf = *bytes.NewBuffer(text)
	if s.dec.PeekKind() != '{' {
		return errNotObject
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return err
	}
	// Only a string may be read as a whole here: what else stands in a name's place is an error, which ReadValue would find
	// by recursion and ReadToken finds at once.
	for s.dec.PeekKind() == '"' {
		name, err := s.dec.ReadValue()
		if err != nil {
			return err
		}
		plain, _ := nameOf(name)
		f := fieldNamed(plain)
		value, err := s.value(text)
		if err != nil {
			return err
		}
		if s.values[f] == nil {
			s.values[f] = value
		}
	}
	if _, err := s.dec.ReadToken(); err != nil { // the closing brace, or what stands in its place
		return err
	}
	if _, err := s.dec.ReadToken(); err != io.EOF {
		return errTrailing
	}
	return nil
}

// value reads the next value and gives the part of text that it takes, without the whitespace around it.
func (s *scanner) value(text []byte) ([]byte, error) {
	if kind := s.dec.PeekKind(); kind != '{' && kind != '[' {
		return s.dec.ReadValue()
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, err
	}
	start := s.dec.InputOffset() - 1
	if err := s.skip(s.dec.StackDepth()); err != nil {
		return nil, err
	}
	return text[start:s.dec.InputOffset()], nil
}

// skip reads to the end of the object or array whose first token, at this depth, was just read.
func (s *scanner) skip(depth int) error {
	for d := depth; d >= depth; d = s.dec.StackDepth() {
		if d > s.depth {
			return errTooDeep
		}
		if _, err := s.dec.ReadToken(); err != nil {
			return err
		}
	}
	return nil
}

// validValue reports whether text is one JSON object or array of at most depth levels.
func validValue(text []byte, depth int) bool {
	s := scanners.Get().(*scanner)
	defer s.release(len(text))
	s.buf = *bytes.NewBuffer(text)
	if _, err := s.dec.ReadToken(); err != nil {
		return false
	}
	s.depth = depth
	err := s.skip(1)
	s.depth = maxDepth
	if err != nil {
		return false
	}
	_, err = s.dec.ReadToken()
	return err == io.EOF
}

// salvage looks for the type and the ref of a command that is not to be had as a whole: it reads on over duplicate keys, broken
// characters and deep nesting, as far as the text is JSON at all.
func (c *Command) salvage(text []byte) {
	s := &scanner{depth: len(text)}
	s.dec.Reset(&s.buf, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_ = s.object(text) // it was found faulty before
	c.Ref, _ = refOf(s.values[fieldRef])
	name, _ := nameOf(s.values[fieldType])
	c.Type = typeNamed(name)
}

// syntaxError tells the client why object refused what it sent.
func syntaxError(err error) *Error {
	switch err {
	case errNotObject:
		return bad(`a command is one JSON object, such as {"type":"ping"}`)
	case errTooDeep:
		return bad("more than 128 levels of nesting: send data that is less deep")
	case errTrailing:
		return bad("something stands behind the JSON object: send one command a frame")
	}
	var at *jsontext.SyntacticError
	if !errors.As(err, &at) {
		return bad("not JSON: a command is one JSON object")
	}
	switch at.Err {
	case jsontext.ErrDuplicateName:
		return bad(fmt.Sprintf("an object has the same key twice, at byte %d: name each key once", at.ByteOffset))
	case io.ErrUnexpectedEOF:
		return bad(fmt.Sprintf("the JSON ends too early, at byte %d: send the whole object", at.ByteOffset))
	}
	return bad(fmt.Sprintf("not JSON at byte %d: %s", at.ByteOffset, printable(at.Err.Error(), 100)))
}

// printable makes text that quotes a client fit for an error's message: at most n bytes, no control characters.
func printable(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, cut(s, n))
}
