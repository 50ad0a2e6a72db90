package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"unsafe"

	"hubbub/wire"
)

// A message in Redis is its kind, its time, its client, key, exception and payload, each string behind its length; so messages
// can stand one behind the other. Its offset is not in it: it has none before Redis has numbered it.
//
// What is pushed begins with a letter:
//
//	M<epoch> <first offset>\n and messages   a batch
//	E<epoch>                                 a new epoch, without a message yet
//	S and a message                          a signal
//	P<version> <count>\n and names           presence: "+alice\0-bob\0"
const (
	pushBatch    = 'M'
	pushEpoch    = 'E'
	pushSignal   = 'S'
	pushPresence = 'P'
)

var errCorrupt = errors.New("what came from Redis is not what a hub puts there: does something else use this prefix?")

// appendBlob appends a message as it lies in Redis.
func appendBlob(dst []byte, m *wire.Message) []byte {
	dst = append(dst, byte(m.Kind))
	dst = binary.AppendVarint(dst, m.Time)
	dst = binary.AppendUvarint(dst, uint64(len(m.Client)))
	dst = append(dst, m.Client...)
	dst = binary.AppendUvarint(dst, uint64(len(m.Key)))
	dst = append(dst, m.Key...)
	dst = binary.AppendUvarint(dst, uint64(len(m.Except)))
	dst = append(dst, m.Except...)
	dst = binary.AppendUvarint(dst, uint64(len(m.Payload)))
	return append(dst, m.Payload...)
}

// cutBlob reads the first message in data. Its strings and its payload are pieces of data.
func cutBlob(data string) (m wire.Message, rest string, err error) {
	if len(data) == 0 || data[0] > byte(wire.KindBinary) {
		return m, "", errCorrupt
	}
	m.Kind = wire.Kind(data[0])
	ux, n := uvarint(data[1:])
	if n <= 0 {
		return m, "", errCorrupt
	}
	m.Time = int64(ux>>1) ^ -int64(ux&1)
	rest = data[1+n:]
	var payload string
	for _, s := range [...]*string{&m.Client, &m.Key, &m.Except, &payload} {
		size, n := uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return m, "", errCorrupt
		}
		*s, rest = rest[n:n+int(size)], rest[n+int(size):]
	}
	// The payload is read-only, as every payload is from its broker on. A copy would double what a log holds, since the client's name
	// keeps data alive anyway.
	m.Payload = unsafe.Slice(unsafe.StringData(payload), len(payload))
	return m, rest, nil
}

// uvarint is binary.Uvarint for strings.
func uvarint(s string) (x uint64, n int) {
	for shift := uint(0); n < len(s) && shift < 64; shift += 7 {
		b := s[n]
		n++
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x, n
		}
	}
	return 0, 0
}

// batchOf reads messages that stand one behind the other and follow the offset before. fingerprint is of the last one.
func batchOf(data string, before uint64) (run []*wire.Message, last string, err error) {
	for len(data) > 0 {
		m, rest, err := cutBlob(data)
		if err != nil {
			return nil, "", err
		}
		last = data[:len(data)-len(rest)]
		data = rest
		before++
		m.Offset = before
		run = append(run, &m)
	}
	return run, last, nil
}

// push is what a channel brought.
type push struct {
	kind  byte
	at    place           // of the last message, or the new epoch at offset 0
	run   []*wire.Message // of a batch
	last  string          // the last message of a batch as it lies in Redis
	m     wire.Message    // a signal
	who   presencePush
	bytes int
}

// first is the offset of a batch's first message.
func (p *push) first() uint64 { return p.at.offset - uint64(len(p.run)) + 1 }

func parsePush(text string) (p push, err error) {
	if text == "" {
		return p, errCorrupt
	}
	p.kind, p.bytes = text[0], len(text)
	switch text = text[1:]; p.kind {
	case pushBatch:
		epoch, first, rest, ok := cutNumbers(text)
		if !ok || first == 0 {
			return p, errCorrupt
		}
		p.run, p.last, err = batchOf(rest, first-1)
		p.at = place{parseEpoch(epoch), first - 1 + uint64(len(p.run))}
		if len(p.run) == 0 {
			err = errCorrupt
		}
	case pushEpoch:
		p.at = place{epoch: parseEpoch(text)}
	case pushSignal:
		p.m, _, err = cutBlob(text)
	case pushPresence:
		p.who, err = parsePresence(text)
	default:
		err = errCorrupt
	}
	if (p.kind == pushBatch || p.kind == pushEpoch) && (p.at.epoch == 0 || p.at.epoch >= beyond || p.at.offset >= beyond) {
		err = errCorrupt
	}
	return p, err
}

// beyond is above every epoch and offset: Lua's numbers end there.
const beyond = 1 << 53

// cutNumbers reads "<a> <b>\n" and what follows.
func cutNumbers(text string) (a string, b uint64, rest string, ok bool) {
	head, rest, ok := cutByte(text, '\n')
	if !ok {
		return "", 0, "", false
	}
	a, second, ok := cutByte(head, ' ')
	b, err := strconv.ParseUint(second, 10, 64)
	return a, b, rest, ok && err == nil
}

func cutByte(s string, sep byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// parseEpoch reads an epoch as Redis holds it; 0, which none has, stands for what is not one.
func parseEpoch(s string) epoch {
	e, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return epoch(e)
}

// epochNamed reads an epoch as clients know it; 0 stands for what is not one.
func epochNamed(name string) epoch {
	e, err := strconv.ParseUint(name, 36, 64)
	if err != nil || epoch(e).String() != name {
		return 0
	}
	return epoch(e)
}

func (e epoch) digits() string { return strconv.FormatUint(uint64(e), 10) }

// parseID reads "<epoch>-<offset>", as a stream's ids and the answers to repeated keys are written.
func parseID(id string) (place, bool) {
	e, o, ok := cutByte(id, '-')
	offset, err := strconv.ParseUint(o, 10, 64)
	at := place{parseEpoch(e), offset}
	return at, ok && err == nil && at.epoch != 0
}

func (p place) position() wire.Position {
	return wire.Position{Epoch: p.epoch.String(), Offset: p.offset}
}

// before says whether p is behind q, which an epoch decides first.
func (p place) before(q place) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.offset < q.offset
}

var zero = []byte{0}

// clientKey is a field of the hashes of client keys. No client's name has a zero in it.
func clientKey(m *wire.Message) []byte {
	if m.Key == "" {
		return nil
	}
	return bytes.Join([][]byte{[]byte(m.Client), []byte(m.Key)}, zero)
}
