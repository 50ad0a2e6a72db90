package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// clockStart is when the clock of now() began.
var clockStart = time.Now()

// now is the one clock of schedules and latencies.
func now() time.Duration { return time.Since(clockStart) }

// loop is an epoll loop with sockets of one protocol. It belongs to one goroutine, which turns it; what happens
// is told to onMessage on the same goroutine.
type loop struct {
	to       endpoint
	pid      int    // of the server, or 0
	protocol string // Sec-WebSocket-Protocol: what is offered and has to be taken
	poll     *poller
	conns    []*conn // by id
	buf      []byte  // what is read lands here; nothing keeps it
	from     int     // 0: the kernel picks the source address; n: 127.0.0.(n+1)
	greeted  int     // handshakes done
	open     int     // and not ended since

	onMessage func(c *conn, payload []byte, at time.Duration) // a message came, at a time of now()
	query     func(c *conn) string                            // what stands behind its address
	onTurn    func() error                                    // called after every turn
	closes    map[int]int                                     // sockets the server closed, by code
	broken    error                                           // the first thing that was no WebSocket
}

// handshakes is how many may be under way at once. It stays below the shortest backlog of a listening socket in use
// (128): beyond it the kernel drops a SYN, and its second try a second later would be measured, not the server.
const handshakes = 100

// patience is how long a phase may go on without any progress before the run is given up.
const patience = 15 * time.Second

func newLoop(ctx context.Context, t Target, protocol string) (*loop, error) {
	to, err := t.endpoint(ctx)
	if err != nil {
		return nil, err
	}
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{
		to: to, pid: t.PID, protocol: protocol, poll: poll, buf: make([]byte, 256<<10),
		onMessage: func(*conn, []byte, time.Duration) {}, query: func(*conn) string { return "" }, onTurn: nothing,
		closes: map[int]int{},
	}, nil
}

// close ends every socket. Whether the server gets a close frame is of no interest here; it gets a reset.
func (l *loop) close() {
	for _, c := range l.conns {
		l.drop(c)
	}
	l.poll.close()
}

// dial opens n more sockets and returns when all are open.
func (l *loop) dial(ctx context.Context, n int, o connOptions) error {
	limit, err := fileLimit()
	if err != nil {
		return err
	}
	if err := enoughFiles("this process", len(l.conns)+n, limit); err != nil {
		return err
	}
	if limit, known := (process{l.pid}).fileLimit(); known {
		if err := enoughFiles("the server", len(l.conns)+n, limit); err != nil {
			return err
		}
	}
	begun, want := 0, l.greeted+n
	return l.turnUntil(ctx, "opening sockets", func() int { return want - l.greeted }, func() error {
		for begun < n && want-l.greeted-(n-begun) < handshakes {
			if err := l.begin(o); err != nil {
				return err
			}
			begun++
		}
		return nil
	})
}

// begin starts one connection.
func (l *loop) begin(o connOptions) error {
	fd, err := l.connect(o.receive)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", l.to.host, err)
	}
	c := &conn{fd: fd, id: len(l.conns), state: dialing}
	l.conns = append(l.conns, c)
	return l.poll.watch(fd, c.id, true, true, true)
}

// connect moves on to the next source address when the ports of one are used up.
func (l *loop) connect(receive int) (int, error) {
	for {
		var from net.IP
		if l.from > 0 {
			from = net.IPv4(127, 0, 0, byte(l.from+1))
		}
		fd, err := connect(l.to, from, receive)
		if !errors.Is(err, errNoPorts) || !l.to.ip.IsLoopback() || l.to.ip.To4() == nil || l.from == 250 {
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
	events, err := l.poll.wait(until - now())
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

// turnUntil turns until nothing is left, and gives up when left has not shrunk for a while. more is called before
// every turn.
func (l *loop) turnUntil(ctx context.Context, what string, left func() int, more func() error) error {
	best, progress := left(), now()
	for {
		if err := more(); err != nil {
			return err
		}
		n := left()
		if n <= 0 {
			return nil
		}
		if n < best {
			best, progress = n, now()
		}
		if now()-progress > patience {
			return fmt.Errorf("%s: %d to go and no progress for %s%s", what, n, patience, l.closings())
		}
		if err := l.turn(ctx, now()+100*time.Millisecond); err != nil {
			return err
		}
	}
}

// rest turns for a time, answering pings.
func (l *loop) rest(ctx context.Context, d time.Duration) error {
	for end := now() + d; now() < end; {
		if err := l.turn(ctx, end); err != nil {
			return err
		}
	}
	return nil
}

func nothing() error { return nil }

func (l *loop) closings() string {
	if len(l.closes) == 0 {
		return ""
	}
	return fmt.Sprintf(" (the server closed sockets, by code: %v)", l.closes)
}

// fail remembers the first failure; the turn that it happens in returns it.
func (l *loop) fail(c *conn, err error) {
	if l.broken == nil {
		l.broken = fmt.Errorf("socket %d to %s: %w", c.id, l.to.host, err)
	}
	l.drop(c)
}

// drop ends a socket from our side.
func (l *loop) drop(c *conn) {
	if c.state == closed {
		return
	}
	if c.state == opened {
		l.open--
	}
	c.state, c.rest, c.out = closed, nil, nil
	closeSocket(c.fd)
}

// ended is told that the server ended a socket.
func (l *loop) ended(c *conn, err error) {
	if c.state != opened {
		if errors.Is(err, io.EOF) {
			err = errors.New("the server hung up during the handshake")
		}
		l.fail(c, err)
		return
	}
	code := c.code
	if code == 0 {
		code = 1006
	}
	l.closes[code]++
	l.drop(c)
}
