package load

import (
	"errors"
	"fmt"
	"io"
	"time"
)

type connState uint8

const (
	dialing connState = iota // TCP
	shaking                  // the request is sent
	opened
	closed
)

// conn is one socket of a loop, and only touched by its goroutine.
type conn struct {
	fd      int
	id      int // place in loop.conns
	member  int // its number among the members of all processes
	to      *endpoint
	state   connState
	stage   stage  // of what is said on it, see crowd
	paused  bool   // reads nothing
	watched bool   // see crowd.watch
	returns bool   // it has been here, and resumes
	whole   bool   // in a storm: it has all that it missed
	code    int    // from the server's close frame
	rest    []byte // the frame that has not come whole yet
	out     []byte // what the socket has not taken yet

	seen   []sequence    // per publisher of its room
	due    time.Duration // when it should have begun to connect
	next   time.Duration // when it comes or goes again, if it is one that does
	offset int64         // what it has of its room's log; kept by those who resume
}

// maxUnsent is how much we hold for a server that does not read, before we give up on it.
const maxUnsent = 8 << 20

// greet sends the handshake when the TCP connection stands.
func (l *loop) greet(c *conn) {
	if err := connected(c.fd); err != nil {
		l.fail(c, misuse("nothing answers at %s (%w): start the server, or name the address it has", c.to.host, err))
		return
	}
	c.state = shaking
	if err := l.poll.watch(c.fd, c.id, false, true, false); err != nil {
		l.fail(c, err)
		return
	}
	l.send(c, appendRequest(nil, c.to, l.address(c)))
}

// read takes what has come, at most one buffer of it: epoll tells again of what is left.
func (l *loop) read(c *conn) {
	have := copy(l.buf, c.rest)
	n, err := readSocket(c.fd, l.buf[have:])
	switch {
	case errors.Is(err, errAgain):
		return
	case err == nil && n == 0:
		l.ended(c, io.EOF)
		return
	case err != nil:
		l.ended(c, err)
		return
	}
	at := now()
	data := l.buf[:have+n]
	if c.state == shaking {
		length, err := parseAnswer(data, c.to.proto)
		if err != nil {
			l.fail(c, misuse("%s, asked for %s: %w", c.to.host, l.address(c), err))
			return
		}
		if length == 0 {
			c.rest = append(c.rest[:0], data...)
			return
		}
		c.state = opened
		l.begun--
		l.open++
		l.onOpen(c)
		data = data[length:]
	}
	data = l.frames(c, data, at)
	switch {
	case c.state == closed:
	case len(data) == 0 && cap(c.rest) > 4096:
		c.rest = nil // one long frame in pieces; there may be thousands of us
	default:
		c.rest = append(c.rest[:0], data...)
	}
}

// frames serves all whole frames in data and returns what is behind them.
func (l *loop) frames(c *conn, data []byte, at time.Duration) []byte {
	for c.state != closed {
		h, whole, err := parseHeader(data)
		if err != nil {
			l.fail(c, err)
			return nil
		}
		end := h.head + h.length
		if !whole || end > len(data) {
			if end > len(l.buf) {
				l.grow(end) // data is in the old one, and stays there
			}
			return data
		}
		payload := data[h.head:end]
		switch h.op {
		case opText, opBinary:
			l.onMessage(c, payload, at)
		case opContinuation: // a message's first frame has its stamp
		case opPing:
			l.send(c, appendFrame(nil, opPong, payload))
		case opPong:
		case opClose:
			c.code = closeCode(payload)
			l.send(c, appendFrame(nil, opClose, payload[:min(2, len(payload))]))
			l.ended(c, nil)
		default:
			l.fail(c, fmt.Errorf("the server sent a frame of unknown kind %#x", h.op))
		}
		data = data[end:]
	}
	return nil
}

// grow makes room for a frame of n bytes and what may stand behind it.
func (l *loop) grow(n int) { l.buf = make([]byte, 2*n) }

// send writes bytes, or keeps what the socket does not take and writes it when it does.
func (l *loop) send(c *conn, b []byte) {
	if c.state == closed {
		return
	}
	if len(c.out) > 0 {
		l.keep(c, b)
		return
	}
	n, err := writeSocket(c.fd, b)
	if err != nil && !errors.Is(err, errAgain) {
		return // the reading side finds the end too, and before it the code that the server gave
	}
	if n = max(n, 0); n < len(b) {
		l.keep(c, b[n:])
		l.interest(c)
	}
}

func (l *loop) keep(c *conn, b []byte) {
	c.out = append(c.out, b...)
	if len(c.out) > maxUnsent {
		l.fail(c, fmt.Errorf("the server does not read: %d bytes wait for it", len(c.out)))
	}
}

// flush goes on with what send kept.
func (l *loop) flush(c *conn) {
	n, err := writeSocket(c.fd, c.out)
	if err != nil && !errors.Is(err, errAgain) {
		n = len(c.out) // as in send
	}
	if c.out = c.out[max(n, 0):]; len(c.out) == 0 {
		c.out = nil
		l.interest(c)
	}
}

// pause stops reading a socket, or goes on with it. What its receive buffer has no place for is the server's.
func (l *loop) pause(c *conn, on bool) {
	c.paused = on
	l.interest(c)
}

// interest tells epoll what we want to hear of a socket.
func (l *loop) interest(c *conn) {
	if c.state == closed {
		return
	}
	if err := l.poll.watch(c.fd, c.id, false, !c.paused, len(c.out) > 0); err != nil {
		l.fail(c, err)
	}
}
