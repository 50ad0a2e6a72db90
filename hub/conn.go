package hub

import "time"

// Buffer is the memory that a Read fills. An idle connection must hold none, and whether there is something to read is only known
// once it was tried; so Read borrows for each try and gives back before it waits. Both are called on the reader's goroutine, several times a Read.
type Buffer interface {
	// Borrow returns the memory to read into, not empty: the free end of a buffer that holds half a frame already, or a fresh one.
	Borrow() []byte
	// GiveBack says that nothing was put into what Borrow returned. After a Read with n > 0 it is not called: the bytes are the caller's.
	GiveBack()
}

// Waiter is who waits for a connection to be readable.
type Waiter interface{ Readable() }

// Conn is a bare, upgraded connection: bytes, no frames. The real one is over TCP (web/socket.go); the one
// in internal/testkit can stall, take n bytes, or fail.
//
// Read and ReadDeadline belong to the connection's reader; the writing half belongs to whoever holds the
// Peer's lock, or, while the peer is in the slow lane, to its one goroutine. CloseWrite and Close may come from either.
type Conn interface {
	// Await has w told once, on a goroutine of its own, when a Read is worth a try: something has come, the stream has ended, the
	// read deadline has passed, or the connection was closed. It may be told too early. A connection that waits like this needs no goroutine.
	Await(w Waiter)
	// Read returns how much of the borrowed buffer it filled. 0 with a nil error: nothing is there, Await again; at the end of the
	// stream io.EOF; when the read deadline has passed os.ErrDeadlineExceeded. It may wait, where Await does not.
	Read(into Buffer) (n int, err error)
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
