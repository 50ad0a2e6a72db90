// Package wire is the hub's vocabulary: what clients send, what they get, and the codes both sides know.
// It speaks bytes and values only; it knows no socket, no room and no goroutine. PROTOCOL.md is its prose.
package wire

// Dialect is how one connection speaks. It is fixed by the handshake.
type Dialect uint8

const (
	Echo Dialect = iota // no room: text comes back behind "Echo: ", binary comes back unchanged
	Pipe                // one room: a frame is a payload and nothing else
	JSON                // "hubbub.v1": many rooms, acks, recovery, presence
)

// Kind is what a payload is. It travels with the payload, which is passed on byte for byte.
type Kind uint8

const (
	KindJSON   Kind = iota // any JSON value but a string, as the publisher wrote it
	KindText               // UTF-8 characters
	KindBinary             // bytes
)

// Position is a place in a room's log. Offsets count 1, 2, 3, … within an epoch; offset 0 is the
// place before the first message. Offsets of different epochs cannot be compared.
type Position struct {
	Epoch  string
	Offset uint64
}

// Message is one publication or one signal, as it travels between clients, hub and broker.
// A message is immutable once it was handed to a broker: Payload is shared by everyone who reads it.
type Message struct {
	Offset  uint64 // its place in the log, set by the broker; 0 in a signal
	Time    int64  // milliseconds since 1970, set by the instance that took it in
	Client  string // who published it
	Key     string // the publisher's idempotency key, "" if none
	Except  string // the connection that must not get it (echo:false, signals), "" for nobody
	Kind    Kind
	Payload []byte
}
