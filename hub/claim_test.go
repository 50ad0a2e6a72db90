package hub_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/wire"
)

// joinAfter joins with a position.
func (k *sitter) joinAfter(room string, after wire.Position) {
	k.Join(hub.JoinOptions{Room: room, Last: -1, After: &after})
}

// A client may know more than this instance, which lags, or than anybody, because the log was lost: the broker knows which.
func TestClaimAheadOfTheLog(t *testing.T) {
	setup := func(t *testing.T, keep func(s *script), play func(s *stage, k *sitter)) {
		onStage(t, retain.Limits{}, func(s *stage) {
			first := s.live("r", at("a", 0), nil)
			s.hub.Deliver("r", "a", said(1, 3))
			keep(s.script)
			k := s.sitter("k")
			s.called()
			k.joinAfter("r", at("a", 7))
			s.wantCalls("history r :0")
			play(s, k)
			leave(k, first)
		})
	}
	t.Run("the broker has it", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("a", 1, 7) }, func(s *stage, k *sitter) {
			k.want(t, "joined(a:7)")
			s.hub.Deliver("r", "a", said(4, 6))
			k.want(t, "")
			s.hub.Deliver("r", "a", said(7, 9))
			k.want(t, "8 9")
		})
	})
	t.Run("the broker has it, then a new epoch comes", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("a", 1, 9) }, func(s *stage, k *sitter) {
			k.want(t, "joined(a:7)")
			late := s.sitter("late")
			late.joinAfter("r", at("a", 8))
			late.want(t, "joined(a:8)")
			lower := s.sitter("lower")
			lower.joinAfter("r", at("a", 5))
			lower.want(t, "joined(a:5)")
			s.keeps("b", 1, 2)
			s.hub.Reset("r", at("b", 0))
			s.hub.Deliver("r", "b", said(1, 1))
			k.want(t, "gap8-8 epoch(b) 1") // of what it claims and this log never had nobody knows
			late.want(t, "epoch(b) 1")
			lower.want(t, "gap6-8 epoch(b) 1")
			leave(late, lower)
		})
	})
	t.Run("the broker has not got it", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("a", 1, 6) }, func(s *stage, k *sitter) {
			k.want(t, "joined(a:3) epoch(a) 1 2 3")
			s.hub.Deliver("r", "a", said(4, 4))
			k.want(t, "4")
		})
	})
	t.Run("the broker is in another epoch", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 9) }, func(s *stage, k *sitter) {
			k.want(t, "joined(a:3) epoch(a) 1 2 3")
			s.hub.Reset("r", at("b", 0))
			k.want(t, "epoch(b)")
		})
	})
	t.Run("the broker cannot say", func(t *testing.T) {
		fail := func(s *script) {
			s.pages = func(string, wire.Position, int) (broker.Page, error) { return broker.Page{}, errors.New("away") }
		}
		setup(t, fail, func(s *stage, k *sitter) {
			k.want(t, "unavailable")
			s.hub.Deliver("r", "a", said(4, 4))
			k.want(t, "")
			k.Join(hub.JoinOptions{Room: "r", Last: 1}) // it may try again
			k.want(t, "joined(a:4) 4")
		})
	})
}

// A client may have heard of an epoch that this instance is still to hear of, from another one: it waits for it here, and is not sent
// back into the epoch before.
func TestClaimOfAnotherEpoch(t *testing.T) {
	setup := func(t *testing.T, keep func(s *script), play func(s *stage, k *sitter)) {
		onStage(t, retain.Limits{}, func(s *stage) {
			first := s.live("r", at("a", 0), nil)
			s.hub.Deliver("r", "a", said(1, 3))
			keep(s.script)
			k := s.sitter("k")
			s.called()
			k.joinAfter("r", at("b", 2))
			s.wantCalls("history r :0")
			play(s, k)
			leave(k, first)
		})
	}
	t.Run("nobody knows it", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("a", 1, 3) }, func(s *stage, k *sitter) {
			k.want(t, "joined(a:3) epoch(a) 1 2 3")
		})
	})
	t.Run("the broker has it, and the instance is reset", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 5) }, func(s *stage, k *sitter) {
			s.hub.Deliver("r", "a", said(4, 4))
			k.want(t, "")
			s.hub.Reset("r", at("b", 0))
			k.want(t, "joined(b:2)")
			s.hub.Deliver("r", "b", said(1, 5))
			k.want(t, "3 4 5")
		})
	})
	t.Run("the broker has it, and messages of it come", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 5) }, func(s *stage, k *sitter) {
			s.hub.Deliver("r", "b", said(1, 4))
			k.want(t, "joined(b:4) 3 4")
		})
	})
	t.Run("the broker has it, and the room is watched anew", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 5) }, func(s *stage, k *sitter) {
			s.hub.Watching("r", at("b", 3), said(1, 3))
			k.want(t, "joined(b:3) 3")
		})
	})
	t.Run("the broker has it, and then another one", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 5) }, func(s *stage, k *sitter) {
			s.keeps("c", 1, 1)
			s.hub.Reset("r", at("c", 0))
			s.hub.Deliver("r", "c", said(1, 1))
			k.want(t, "joined(c:1) epoch(c) 1")
		})
	})
	t.Run("the instance does not hear of it in time", func(t *testing.T) {
		setup(t, func(s *script) { s.keeps("b", 1, 5) }, func(s *stage, k *sitter) {
			time.Sleep(joinWait + time.Second)
			k.want(t, "unavailable")
			s.hub.Reset("r", at("b", 0))
			s.hub.Deliver("r", "b", said(1, 5))
			k.want(t, "")
			k.joinAfter("r", at("b", 2)) // it may try again
			k.want(t, "joined(b:5) 3 4 5")
		})
	})
	t.Run("the broker cannot say", func(t *testing.T) {
		setup(t, func(s *script) { s.pages = nil }, func(_ *stage, k *sitter) { k.want(t, "unavailable") })
	})
}

// What lies within the log here, or in an epoch that has ended here, needs no question.
func TestClaimsThatNeedNoQuestion(t *testing.T) {
	for _, c := range []struct {
		name  string
		after wire.Position
		want  string
	}{
		{"the end", at("b", 3), "joined(b:3)"},
		{"within", at("b", 1), "joined(b:3) 2 3"},
		{"the beginning", at("b", 0), "joined(b:3) 1 2 3"},
		{"the epoch before", at("a", 1), "joined(b:3) epoch(b) 1 2 3"}, // a 2 in between would be taken for one of b
		{"the end of the epoch before", at("a", 2), "joined(b:3) epoch(b) 1 2 3"},
		{"beyond the end of the epoch before", at("a", 3), "joined(b:3) epoch(b) 1 2 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, retain.Limits{}, func(s *stage) {
				first := s.live("r", at("a", 0), nil)
				s.hub.Deliver("r", "a", said(1, 2))
				s.hub.Reset("r", at("b", 0))
				s.hub.Deliver("r", "b", said(1, 3))
				k := s.sitter("k")
				s.called()
				k.joinAfter("r", c.after)
				k.want(t, c.want)
				s.wantCalls("")
				s.hub.Deliver("r", "b", said(4, 4))
				k.want(t, "4")
				leave(k, first)
			})
		})
	}
	t.Run("the end of an epoch that others have followed", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			first := s.live("r", at("a", 0), nil)
			s.hub.Deliver("r", "a", said(1, 2))
			for _, e := range []string{"b", "c"} {
				s.hub.Reset("r", at(e, 0))
				s.hub.Deliver("r", e, said(1, 1))
			}
			k := s.sitter("k")
			k.joinAfter("r", at("a", 2))
			k.want(t, "joined(c:1) epoch(c) 1")
			leave(k, first)
		})
	})
	t.Run("nothing of an empty room", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			first := s.live("r", at("a", 0), nil)
			k, other := s.sitter("k"), s.sitter("other")
			k.joinAfter("r", at("x", 0))
			k.want(t, "joined(a:0)")
			s.keeps("a", 1, 0)
			other.joinAfter("r", at("x", 1))
			other.want(t, "joined(a:0) epoch(a)")
			leave(k, other, first)
		})
	})
}

// A join that had to wait too long is refused, once; what would have answered it later answers nobody.
func TestJoinIsAnsweredOnce(t *testing.T) {
	t.Run("the room is watched too late", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			k := s.sitter("k")
			k.Join(hub.JoinOptions{Room: "r", Last: -1})
			s.wantCalls("watch r")
			time.Sleep(joinWait - time.Second)
			k.want(t, "")
			time.Sleep(2 * time.Second)
			k.want(t, "unavailable")
			s.hub.Watching("r", at("a", 0), nil)
			s.hub.Deliver("r", "a", said(1, 1))
			k.want(t, "")
			time.Sleep(time.Minute)
			s.wantCalls("unwatch r") // nobody came
			leave(k)
		})
	})
	t.Run("the broker knows too late whether a claim is right", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			known := make(chan struct{})
			s.pages = func(string, wire.Position, int) (broker.Page, error) {
				<-known
				return broker.Page{Epoch: "a", First: 1, Last: 9}, nil
			}
			k := s.sitter("k")
			k.joinAfter("r", at("a", 7))
			synctest.Wait()
			time.Sleep(joinWait - time.Second)
			s.hub.Watching("r", at("a", 0), nil)
			time.Sleep(2 * time.Second)
			k.want(t, "unavailable")
			close(known)
			k.want(t, "")
			if n := s.hub.Stats().Members; n != 0 {
				t.Errorf("%d members", n)
			}
			k.joinAfter("r", at("a", 0))
			k.want(t, "joined(a:0)")
			leave(k)
		})
	})
	t.Run("the connection has gone meanwhile", func(t *testing.T) {
		onStage(t, retain.Limits{}, func(s *stage) {
			k, stays := s.sitter("k"), s.sitter("stays")
			k.Join(hub.JoinOptions{Room: "r", Last: -1})
			stays.Join(hub.JoinOptions{Room: "r", Last: -1})
			synctest.Wait()
			leave(k)
			s.hub.Watching("r", at("a", 0), nil)
			stays.want(t, "joined(a:0)")
			if n := s.hub.Stats().Members; n != 1 {
				t.Errorf("%d members", n)
			}
			leave(stays)
		})
	})
}

// joinWait is how long a join may take.
const joinWait = 5 * time.Second
