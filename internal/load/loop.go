package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// loop is an epoll loop with sockets to some servers. It belongs to one goroutine, which turns it; what happens
// is told to the functions below on the same goroutine.
type loop struct {
	to     []endpoint
	poll   *poller
	conns  []*conn       // by id
	buf    []byte        // what is read lands here; nothing keeps it
	from   int           // 0: the kernel picks the source address; n: 127.0.0.(n+1)
	open   int           // handshakes done, and not ended since
	begun  int           // connects under way: handshakes not done
	waited time.Duration // in epoll; the rest of the time we were busy
	wake   time.Duration // the next turn ends at this time at the latest; 0: it is not known that it has to

	address   func(c *conn) (path string)                     // what it asks for
	onOpen    func(c *conn)                                   // its handshake is done
	onMessage func(c *conn, payload []byte, at time.Duration) // a message came, at a time of now()
	onEnd     func(c *conn)                                   // an open socket has ended, by the server's or our doing
	onTurn    func() error                                    // called after every turn
	stop      func() bool                                     // what waits shall end early
	closes    map[int]int                                     // sockets the server closed, by code
	broken    error                                           // the first thing that was no WebSocket
}

// handshakes is how many may be under way at once. It stays below the shortest backlog of a listening socket in use
// (128): beyond it the kernel drops a SYN, and its second try a second later would be measured, not the server. As many as this
// keep a server busy all the same.
const handshakes = 100

// patience is how long a phase may go on without any progress before the run is given up.
const patience = 15 * time.Second

func newLoop(to ...endpoint) (*loop, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{
		to: to, poll: poll, buf: make([]byte, 256<<10),
		address: func(c *conn) string { return c.to.path },
		onOpen:  func(*conn) {}, onMessage: func(*conn, []byte, time.Duration) {}, onEnd: func(*conn) {}, onTurn: nothing,
		stop: func() bool { return false }, closes: map[int]int{},
	}, nil
}

// close ends every socket. Whether the server gets a close frame is of no interest here; it gets a reset.
func (l *loop) close() {
	for _, c := range l.conns {
		l.drop(c)
	}
	l.poll.close()
}

// add makes a socket that is not begun yet.
func (l *loop) add(member int) *conn {
	c := &conn{id: len(l.conns), member: member, to: &l.to[member%len(l.to)], state: closed}
	l.conns = append(l.conns, c)
	return c
}

// begin starts to connect a socket that is closed. It is not to be called within a turn: what is left of the turn's events may be
// about the socket that had its place before.
func (l *loop) begin(c *conn, receive int) error {
	fd, err := l.connect(c.to, receive)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", c.to.host, err)
	}
	c.fd, c.state, c.code, c.paused = fd, dialing, 0, false
	l.begun++
	return l.poll.watch(fd, c.id, true, true, true)
}

// connect moves on to the next source address when the ports of one are used up.
func (l *loop) connect(to *endpoint, receive int) (int, error) {
	for {
		var from net.IP
		if l.from > 0 && to.ip.IsLoopback() && to.ip.To4() != nil {
			from = net.IPv4(127, 0, 0, byte(l.from+1))
		}
		fd, err := connect(to, from, receive)
		if !errors.Is(err, errNoPorts) || !to.ip.IsLoopback() || to.ip.To4() == nil || l.from == 250 {
			return fd, err
		}
		l.from++
	}
}

// turn waits until something happens, at the latest until a time of now(), and serves one batch of it.
func (l *loop) turn(ctx context.Context, until time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.wake > 0 {
		until, l.wake = min(until, l.wake), 0
	}
	asked := now()
	events, err := l.poll.wait(until - asked)
	l.waited += now() - asked
	if err != nil {
		return err
	}
	for _, e := range events {
		c := l.conns[e.id]
		switch {
		case c.state == closed:
		case c.state == dialing && e.ready:
			l.greet(c)
		case e.ready && len(c.out) > 0:
			l.flush(c)
		}
		if e.readable && c.state != closed && c.state != dialing {
			l.read(c)
		}
	}
	if l.broken != nil {
		return l.broken
	}
	return l.onTurn()
}

// turnUntil turns until nothing is left or it is to stop, and gives up when left has not shrunk for a while. more is called
// before every turn.
func (l *loop) turnUntil(ctx context.Context, what string, left func() int, more func() error) error {
	best, progress := left(), now()
	for {
		if err := more(); err != nil {
			return err
		}
		n := left()
		if n <= 0 || l.stop() {
			return nil
		}
		if n < best {
			best, progress = n, now()
		}
		if now()-progress > patience {
			return stuck{fmt.Errorf("%s: %d to go and no progress for %s%s", what, n, patience, closings(l.closes))}
		}
		if err := l.turn(ctx, now()+turnTime); err != nil {
			return err
		}
	}
}

// turnTime is the longest turn where nothing is due: what shall happen in between waits for its end.
const turnTime = 20 * time.Millisecond

// rest turns for a time, answering pings.
func (l *loop) rest(ctx context.Context, d time.Duration) error {
	for end := now() + d; now() < end && !l.stop(); {
		if err := l.turn(ctx, min(end, now()+turnTime)); err != nil {
			return err
		}
	}
	return nil
}

func nothing() error { return nil }

// stuck is the error of a wait that came to nothing.
type stuck struct{ error }

// fail remembers the first failure; the turn that it happens in returns it.
func (l *loop) fail(c *conn, err error) {
	if l.broken == nil {
		l.broken = err
		if !errors.As(err, new(Misuse)) {
			l.broken = fmt.Errorf("socket %d to %s: %w", c.id, c.to.host, err)
		}
	}
	l.drop(c)
}

// drop ends a socket from our side.
func (l *loop) drop(c *conn) {
	if c.state == closed {
		return
	}
	was := c.state
	c.state, c.rest, c.out = closed, nil, nil
	closeSocket(c.fd)
	if was != opened {
		l.begun--
		return
	}
	l.open--
	l.onEnd(c)
}

// ended is told that the server ended a socket.
func (l *loop) ended(c *conn, err error) {
	if c.state != opened {
		if errors.Is(err, io.EOF) {
			err = errors.New("the server hung up during the handshake")
		}
		l.fail(c, misuse("%s: %w", c.to.host, err))
		return
	}
	code := c.code
	if code == 0 {
		code = 1006
	}
	l.closes[code]++
	l.drop(c)
}
