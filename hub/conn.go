package hub

import "time"

// Conn is a bare, upgraded connection: bytes, no frames. The real one is over TCP (web/socket.go); the one
// in internal/testkit can stall, take n bytes, or fail.
//
// Read and ReadDeadline belong to the connection's reader; the writing half belongs to whoever holds the
// Peer's lock, or, while the peer is in the slow lane, to its one goroutine. CloseWrite and Close may come from either.
type Conn interface {
	// Read blocks until there is something to read, and only then calls borrow for a buffer to put it in, so that an idle
	// connection holds none. It returns the part of the buffer that was filled; at the end of the stream io.EOF.
	Read(borrow func() []byte) ([]byte, error)
	// SetReadDeadline ends a Read, also one that is waiting, with os.ErrDeadlineExceeded. Any goroutine may call it.
	SetReadDeadline(t time.Time) error
	// TryWrite writes what the socket takes without waiting. n < len(p) with a nil error says: no more now.
	TryWrite(p []byte) (n int, err error)
	// AwaitWritable blocks until TryWrite is worth a call again, the connection is closed, or the
	// deadline has passed (os.ErrDeadlineExceeded).
	AwaitWritable(deadline time.Time) error
	// CloseWrite sends FIN: the peer sees the end of the stream behind all that was written.
	CloseWrite() error
	Close() error
}
