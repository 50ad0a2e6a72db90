package hub_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// meddled is a connection during whose next write something else happens.
type meddled struct {
	*testkit.Conn
	mu   sync.Mutex
	next []func()
}

// TryWrite implements hub.Conn.
func (c *meddled) TryWrite(p []byte) (int, error) {
	c.mu.Lock()
	var then func()
	if len(c.next) > 0 {
		then, c.next = c.next[0], c.next[1:]
	}
	c.mu.Unlock()
	if then != nil {
		then()
	}
	return c.Conn.TryWrite(p)
}

func (c *meddled) during(then ...func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = then
}

// hubRests lets the hub's goroutine do all that it has been told, while the shard writes.
func hubRests() { time.Sleep(time.Microsecond) }

// bystander is a connection in another room, whose writes hold the shard up.
func (s *stage) bystander() (*sitter, *meddled) {
	s.t.Helper()
	conn := &meddled{Conn: testkit.NewConn()}
	p := s.sitterOn("bystander", conn, conn.Conn)
	p.Join(hub.JoinOptions{Room: "other", Last: -1})
	synctest.Wait()
	s.hub.Watching("other", at("a", 0), nil)
	synctest.Wait()
	return p, conn
}

// A signal does not come behind what was published after it, also when that is in the log before the shard has seen the signal.
func TestRoundStopsAtASignalThatIsStillInTheQueue(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		p, conn := s.bystander()
		// While the shard writes in the other room, both rooms become dirty; while it writes there again, with this room's round
		// to follow, the signal and the message behind it come.
		conn.during(func() {
			s.hub.Deliver("other", "a", said(2, 2))
			s.hub.Deliver("r", "a", said(1, 1))
			hubRests()
		}, func() {
			s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("1")})
			s.hub.Deliver("r", "a", said(2, 2))
			hubRests()
		})
		s.hub.Deliver("other", "a", said(1, 1))
		time.Sleep(time.Millisecond)
		k.want(t, "1 signal 2")
		leave(k, p)
	})
}

// Who has read past a signal in the slow lane, before the shard came to it, does not get it.
func TestSignalThatIsLateIsNotGiven(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		p, conn := s.bystander()
		k.conn.Take(0)
		s.hub.Deliver("r", "a", said(1, 1))
		synctest.Wait()
		conn.during(func() {
			s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("1")})
			s.hub.Deliver("r", "a", said(2, 2))
			hubRests()
			k.conn.Take(-1)
			hubRests()
		})
		s.hub.Deliver("other", "a", said(1, 1))
		time.Sleep(time.Millisecond)
		s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("2")})
		k.want(t, "1 2 signal")
		leave(k, p)
	})
}

// Signals that pile up for one round are dropped beyond a limit, but the first is let through, however large it is.
func TestSignalsOfOneRound(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		p, conn := s.bystander()
		signal := func(size int) {
			s.hub.Signal("r", wire.Message{Client: "x", Kind: wire.KindText, Payload: []byte(strings.Repeat("x", size))})
		}
		signal(100 << 10)
		k.want(t, "signal")
		conn.during(func() {
			for range 10 {
				signal(10 << 10)
			}
			hubRests()
		})
		s.hub.Deliver("other", "a", said(1, 1))
		time.Sleep(time.Millisecond)
		k.want(t, "signal signal signal signal signal signal")
		if n := s.hub.Stats().SignalsDropped; n != 4 {
			t.Errorf("%d dropped", n)
		}
		leave(k, p)
	})
}
