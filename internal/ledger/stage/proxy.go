package stage

import (
	"net"
	"sync"
)

// Proxy is a line between an instance and Redis that can be cut or held. What it hides from the one is what the
// other sees: a reset, a refusal, or nothing at all.
type Proxy struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	change sync.Cond  // of held or closed
	lines  map[*line]bool
	refuse bool
	held   [2]bool // by direction
	closed bool
}

// Direction is one half of a line.
type Direction int

// The two directions, as the one sees it who connects.
const (
	Requests Direction = iota
	Answers
)

// line is one connection, both halves.
type line struct{ ends [2]*net.TCPConn }

// reset ends it with a reset in both directions, and throws away what is under way.
func (l *line) reset() {
	for _, c := range l.ends {
		_ = c.SetLinger(0) // it is a TCP connection
		c.Close()
	}
}

// NewProxy listens on a free port of loopback and leads to the target, as HOST:PORT.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, lines: map[*line]bool{}}
	p.change.L = &p.mu
	p.group.Go(p.accept)
	return p, nil
}

// Port is where it listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // it is closed
		}
		p.group.Go(func() { p.serve(c.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(from *net.TCPConn) {
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = from.SetLinger(0)
		from.Close()
		return
	}
	l := &line{[2]*net.TCPConn{from, to.(*net.TCPConn)}}
	p.mu.Lock()
	if p.refuse || p.closed {
		p.mu.Unlock()
		l.reset()
		return
	}
	p.lines[l] = true
	p.mu.Unlock()

	var both sync.WaitGroup
	for d := range l.ends {
		both.Go(func() { p.carry(Direction(d), l) })
	}
	both.Wait()
	for _, c := range l.ends {
		c.Close()
	}
	p.mu.Lock()
	delete(p.lines, l)
	p.mu.Unlock()
}

// carry takes bytes one way, also those of somebody who has hung up meanwhile: a command that was held reaches Redis
// after its sender has given up and sent it again.
func (p *Proxy) carry(d Direction, l *line) {
	from, to := l.ends[d], l.ends[1-d]
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.pass(d)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.CloseRead()
				return
			}
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

// pass waits as long as the direction is held.
func (p *Proxy) pass(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held[d] && !p.closed {
		p.change.Wait()
	}
}

// Hold stops everything that goes in the directions, without a sign to anybody, new connections' too; Release lets it go on, late.
func (p *Proxy) Hold(directions ...Direction) { p.hold(true, directions) }

// Release ends all holding.
func (p *Proxy) Release() { p.hold(false, []Direction{Requests, Answers}) }

func (p *Proxy) hold(on bool, directions []Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range directions {
		p.held[d] = on
	}
	p.change.Broadcast()
}

// Refuse resets new connections as long as it is on.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Cut resets every connection there is, and gives their number.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.lines {
		l.reset()
	}
	return len(p.lines)
}

// Close ends it and waits until nothing of it runs.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for l := range p.lines {
		l.reset()
	}
	p.change.Broadcast()
	p.mu.Unlock()
	p.group.Wait()
}
