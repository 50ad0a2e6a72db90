package testkit

import (
	"net"
	"sync"
	"testing"
)

// Relay stands between a client and a server, and can be a bad line.
type Relay struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	clear *sync.Cond // held has changed
	held  bool       // nothing passes
	ended bool
	conns map[net.Conn]bool
}

// NewRelay relays to an address until the test ends.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{listener: l, to: to, conns: make(map[net.Conn]bool)}
	r.clear = sync.NewCond(&r.mu)
	r.running.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.Pass()
		r.Cut()
		r.running.Wait()
	})
	return r
}

// Addr is where clients connect to.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Hold lets nothing pass in either direction from now on, new connections included. Nobody is told.
func (r *Relay) Hold() { r.hold(true) }

// Pass undoes Hold: what was held arrives now.
func (r *Relay) Pass() { r.hold(false) }

func (r *Relay) hold(held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
	r.clear.Broadcast()
}

// Cut closes all connections. What was held for them is lost.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

func (r *Relay) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.serve(from) })
	}
}

func (r *Relay) serve(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer to.Close()
	if !r.keep(from, to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.carry(to, from) })
	both.Go(func() { r.carry(from, to) })
	both.Wait()
}

func (r *Relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = true
	}
	return !r.ended
}

// carry carries one direction; its end is that of both.
func (r *Relay) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		for r.held {
			r.clear.Wait()
		}
		r.mu.Unlock()
		if _, bad := to.Write(buf[:n]); err != nil || bad != nil {
			return
		}
	}
}
