package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/wire"
)

// The position of a second `joined` is where the client stands: everything up to it has come before.
func TestRejoinTellsWhereTheConnectionStands(t *testing.T) {
	again := hub.JoinOptions{Room: "r", Last: -1}
	t.Run("with messages under way", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			k := s.live("r", at("a", 0), nil)
			p, conn := s.bystander()
			conn.during(func() {
				s.hub.Deliver("r", "a", said(1, 2))
				k.Join(again)
				hubRests()
			})
			s.hub.Deliver("other", "a", said(1, 1))
			time.Sleep(time.Millisecond)
			k.want(t, "1 2 joined(a:2)")
			leave(k, p)
		})
	})
	t.Run("with a signal under way", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			k := s.live("r", at("a", 0), nil)
			p, conn := s.bystander()
			conn.during(func() {
				s.hub.Deliver("r", "a", said(1, 1))
				s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("1")})
				s.hub.Deliver("r", "a", said(2, 2))
				k.Join(again)
				hubRests()
			})
			s.hub.Deliver("other", "a", said(1, 1))
			time.Sleep(time.Millisecond)
			k.want(t, "1 joined(a:1) signal 2")
			leave(k, p)
		})
	})
	t.Run("in the slow lane", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			k := s.live("r", at("a", 0), nil)
			k.conn.Take(5) // cuts the first message
			s.hub.Deliver("r", "a", said(1, 3))
			synctest.Wait()
			k.Join(again)
			synctest.Wait()
			if n := s.hub.Stats(); n.SlowLane != 1 || n.SlowEntries != 1 {
				t.Errorf("it is in the slow lane %d times, and came there %d times", n.SlowLane, n.SlowEntries)
			}
			s.hub.Reset("r", at("b", 0))
			k.conn.Take(-1)
			k.want(t, "1 joined(a:1) 2 3 epoch(b)")
			k.Join(again)
			k.want(t, "joined(b:0)")
			leave(k)
		})
	})
	t.Run("before the epoch is announced", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			s.keeps("a", 1, 2)
			first := s.live("r", at("a", 2), said(1, 2))
			k := s.sitter("k")
			k.conn.Take(0)
			lost := wire.Position{Epoch: "lost", Offset: 7}
			k.Join(hub.JoinOptions{Room: "r", Last: -1, After: &lost})
			synctest.Wait() // for the broker, which does not know that epoch either
			k.Join(again)
			synctest.Wait()
			k.conn.Take(-1)
			k.want(t, "joined(a:2) joined(a:0) epoch(a) 1 2")
			leave(k, first)
		})
	})
}
