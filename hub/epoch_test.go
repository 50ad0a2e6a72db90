package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/wire"
)

// A new epoch comes in its place, for whoever is at the log's end and for whoever lags behind it.
func TestNewEpochs(t *testing.T) {
	for _, c := range []struct {
		name string
		say  func(h *hub.Hub)
		keep func(s *script) // what the broker has
		want string
	}{
		{
			"in the middle",
			func(h *hub.Hub) { h.Reset("r", at("b", 0)); h.Deliver("r", "b", said(1, 2)) },
			nil, "1 2 epoch(b) 1 2",
		},
		{
			"nothing behind it",
			func(h *hub.Hub) { h.Reset("r", at("b", 0)) },
			nil, "1 2 epoch(b)",
		},
		{
			"twice",
			func(h *hub.Hub) {
				h.Reset("r", at("b", 0))
				h.Deliver("r", "b", said(1, 1))
				h.Reset("r", at("c", 0))
				h.Deliver("r", "c", said(1, 2))
			},
			nil, "1 2 epoch(b) 1 epoch(c) 1 2",
		},
		{
			"of a log that has lost its beginning",
			func(h *hub.Hub) { h.Reset("r", at("b", 5)); h.Deliver("r", "b", said(6, 7)) },
			func(s *script) { s.keeps("b", 4, 7) }, "1 2 epoch(b) gap1-3 4 5 6 7",
		},
		{
			"of a log that has lost everything",
			func(h *hub.Hub) { h.Reset("r", at("b", 5)) },
			func(s *script) { s.keeps("b", 6, 5) }, "1 2 epoch(b) gap1-5",
		},
		{
			"without a Reset",
			func(h *hub.Hub) { h.Deliver("r", "b", said(3, 4)) },
			func(s *script) { s.keeps("b", 1, 4) }, "1 2 epoch(b) 1 2 3 4",
		},
	} {
		play := func(name string, stall int) {
			t.Run(c.name+name, func(t *testing.T) {
				onStage(t, retain.Limits{}, func(s *stage) {
					k := s.live("r", at("a", 0), nil)
					k.conn.Take(stall)
					s.hub.Deliver("r", "a", said(1, 2))
					if c.keep != nil {
						c.keep(s.script)
					}
					synctest.Wait()
					c.say(s.hub)
					synctest.Wait()
					k.conn.Take(-1)
					k.want(t, c.want)
					leave(k)
				})
			})
		}
		play("", -1)
		play(", for who stalls", 0)
		play(", for who stalls within a frame", 20)
	}
}

// A log remembers some epochs; a cursor that is older still is told of the oldest of them.
func TestManyEpochsWhileStalled(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		k.conn.Take(0)
		s.hub.Deliver("r", "a", said(1, 1))
		var want []string
		for i := range 12 {
			e := fmt.Sprint("e", i)
			s.hub.Reset("r", at(e, 0))
			s.hub.Deliver("r", e, said(1, 1))
			if i >= 4 {
				want = append(want, "epoch("+e+") 1")
			}
		}
		synctest.Wait()
		k.conn.Take(-1)
		k.want(t, strings.Join(want, " "))
		leave(k)
	})
}

// What an epoch that has ended is lost of is announced with its size, before the next one.
func TestHoleAtTheEndOfAnEpoch(t *testing.T) {
	onStage(t, retain.Limits{Messages: 2}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		k.conn.Take(0)
		s.hub.Deliver("r", "a", said(1, 5))
		s.hub.Reset("r", at("b", 0))
		s.hub.Deliver("r", "b", said(1, 4))
		s.keeps("b", 2, 4)
		synctest.Wait()
		k.conn.Take(-1)
		k.want(t, "gap1-5 epoch(b) gap1-1 2 3 4")
		leave(k)
	})
}

// What a broker did not deliver is read from it, or announced in its place with its exact size; what it says twice is given once.
func TestHolesAndRepetitions(t *testing.T) {
	for _, c := range []struct {
		name  string
		runs  [][2]uint64
		first uint64 // what the broker keeps, up to the last
		want  string
	}{
		{"a hole that the broker has", [][2]uint64{{1, 1}, {4, 5}}, 1, "1 2 3 4 5"},
		{"a hole that it has not", [][2]uint64{{1, 1}, {4, 5}}, 4, "1 gap2-3 4 5"},
		{"a hole that it has half", [][2]uint64{{1, 1}, {4, 5}}, 3, "1 gap2-2 3 4 5"},
		{"a hole that it has, and nothing behind it", [][2]uint64{{1, 1}, {4, 5}, {9, 9}}, 9, "1 gap2-3 4 5 gap6-8 9"},
		{"a hole in front", [][2]uint64{{3, 3}}, 3, "gap1-2 3"},
		{"repeated", [][2]uint64{{1, 3}, {2, 4}, {1, 4}}, 1, "1 2 3 4"},
		{"an empty run", [][2]uint64{{1, 1}, {2, 1}, {2, 2}}, 1, "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, retain.Limits{}, func(s *stage) {
				k := s.live("r", at("a", 0), nil)
				s.keeps("a", c.first, c.runs[len(c.runs)-1][1])
				k.conn.Take(0)
				for _, r := range c.runs {
					s.hub.Deliver("r", "a", said(r[0], r[1]))
				}
				synctest.Wait()
				k.conn.Take(-1)
				k.want(t, c.want)
				leave(k)
			})
		})
	}
}

// A room that was watched already may be told to be watched once more: what its position and its tail have beyond the log here
// was never delivered, and will not be.
func TestSecondWatching(t *testing.T) {
	for _, c := range []struct {
		name       string
		epoch      string
		last       uint64
		tail       [2]uint64
		first      uint64 // what the broker keeps of the epoch
		want, then string // after it, and after one more message
	}{
		{"nothing new", "a", 2, [2]uint64{1, 2}, 1, "", "3"},
		{"from before", "a", 1, [2]uint64{1, 1}, 1, "", "3"},
		{"a tail with more", "a", 4, [2]uint64{2, 4}, 1, "3 4", "5"},
		{"a tail with more, behind a hole", "a", 6, [2]uint64{5, 6}, 5, "gap3-4 5 6", "7"},
		{"more, and no tail", "a", 4, [2]uint64{1, 0}, 1, "3 4", "5"},
		{"more, and nothing of it kept", "a", 4, [2]uint64{1, 0}, 5, "gap3-4", "5"},
		{"a new epoch", "b", 2, [2]uint64{1, 2}, 1, "epoch(b) 1 2", "3"},
		{"a new epoch without a tail", "b", 2, [2]uint64{1, 0}, 3, "epoch(b) gap1-2", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, retain.Limits{}, func(s *stage) {
				k := s.live("r", at("a", 0), nil)
				s.hub.Deliver("r", "a", said(1, 2))
				k.want(t, "1 2")
				s.keeps(c.epoch, c.first, c.last)
				s.hub.Watching("r", at(c.epoch, c.last), said(c.tail[0], c.tail[1]))
				k.want(t, c.want)
				next := max(c.last, 2) + 1
				if c.epoch == "b" {
					next = c.last + 1
				}
				s.hub.Deliver("r", c.epoch, said(next, next))
				k.want(t, c.then)
				k.Join(hub.JoinOptions{Room: "r", Last: -1})
				k.want(t, fmt.Sprintf("joined(%s:%d)", c.epoch, next))
				leave(k)
			})
		})
	}
}

// What a broker still says of a room that is not watched any more, or not yet again, is nobody's.
func TestCallsThatComeWhileNotWatched(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		late := func() {
			s.hub.Deliver("r", "a", said(5, 6))
			s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("1")})
			s.hub.Reset("r", at("b", 3))
		}
		late()
		s.hub.Watching("r", at("a", 6), said(5, 6))
		k := s.sitter("k")
		k.Join(hub.JoinOptions{Room: "r", Last: 5})
		synctest.Wait()
		late()
		k.want(t, "")
		s.keeps("c", 2, 2)
		s.hub.Watching("r", at("c", 2), said(2, 2))
		k.want(t, "joined(c:2) 2")
		s.wantCalls("watch r, history r c:0")
		leave(k)
		time.Sleep(20 * time.Second)
		k = s.seated("k", "r") // it is watched for a while
		s.wantCalls("")
		leave(k)
		time.Sleep(time.Minute)
		s.wantCalls("unwatch r")
		late()
		if n := s.hub.Stats(); n.Rooms != 0 || n.LogBytes != 0 {
			t.Errorf("%d rooms, %d bytes", n.Rooms, n.LogBytes)
		}
	})
}

// A broker that says that it keeps messages and does not give them is not asked for ever.
func TestHoleThatTheBrokerDoesNotFill(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		s.pages = func(string, wire.Position, int) (broker.Page, error) {
			return broker.Page{Epoch: "a", First: 1, Last: 5}, nil
		}
		s.hub.Deliver("r", "a", said(1, 1))
		s.hub.Deliver("r", "a", said(4, 5))
		k.want(t, "1 gap2-3 4 5")
		leave(k)
	})
}

// While a broker cannot say what is in a hole, its readers wait in front of it, and only they; then it is filled.
func TestHoleWhileTheBrokerIsAway(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		k := s.live("r", at("a", 0), nil)
		other := s.seated("other", "r")
		s.hub.Deliver("r", "a", said(1, 1))
		k.want(t, "1")
		other.want(t, "1")
		s.hub.Deliver("r", "a", said(4, 4))
		late := s.seated("late", "r")
		for range 3 {
			time.Sleep(time.Minute)
			k.want(t, "")
			other.want(t, "")
		}
		s.hub.Deliver("r", "a", said(5, 5))
		late.want(t, "5")
		k.Send(wire.AppendFrame(nil, wire.OpText, []byte(`{"type":"pong"}`)))
		time.Sleep(time.Second)
		k.want(t, "pong")
		s.keeps("a", 1, 5)
		time.Sleep(time.Second)
		k.want(t, "2 3 4 5")
		other.want(t, "2 3 4 5")
		leave(k, other, late)
	})
}
