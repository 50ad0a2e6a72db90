package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// passWrites is after how many writes a shard looks at its queue.
const passWrites = 2000

// A round of a large room is interrupted, and the shard does what the hub has told it meanwhile: who leaves has had what came before, who
// joins gets only what comes behind, and nobody gets anything twice or in another order, wherever in the round they stood.
func TestRoundOfALargeRoomIsInterrupted(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		busy := &meddled{Conn: testkit.NewConn()}
		first := s.sitterOn("first", busy, busy.Conn)
		first.Join(hub.JoinOptions{Room: "r", Last: -1})
		synctest.Wait()
		s.hub.Watching("r", at("a", 0), nil)
		all := []*sitter{first}
		for len(all) < passWrites+200 {
			all = append(all, s.sitter("k"))
			all[len(all)-1].Join(hub.JoinOptions{Room: "r", Last: -1})
		}
		last := &meddled{Conn: testkit.NewConn()}
		gauge := s.sitterOn("gauge", last, last.Conn)
		gauge.Join(hub.JoinOptions{Room: "r", Last: -1})
		for _, k := range append(all, gauge) {
			k.want(t, "joined(a:0)")
		}

		served, unserved := all[10], all[passWrites+100]
		late := s.sitter("late")
		reached := 0
		last.during(func() {
			for _, k := range all {
				reached += k.conn.Writes() - 1 // one was joined's
			}
		})
		busy.during(func() { // while the first is served
			served.Leave("1", "r")
			unserved.Leave("1", "r")
			gauge.Leave("1", "r")
			late.Join(hub.JoinOptions{Room: "r", Last: -1})
			s.hub.Signal("r", wire.Message{Client: "x", Payload: []byte("1")})
			s.hub.Deliver("r", "a", said(2, 2))
			hubRests()
		})
		s.hub.Deliver("r", "a", said(1, 1))
		time.Sleep(time.Second)

		late.want(t, "joined(a:1) signal 2")
		gauge.want(t, "1 left")
		for _, k := range all {
			if k == served || k == unserved {
				k.want(t, "1 left")
			} else {
				k.want(t, "1 signal 2")
			}
			if t.Failed() {
				break
			}
		}
		if reached != passWrites+1 { // and the one who left before it
			t.Errorf("the shard looked at its queue after %d writes", reached)
		}
		leave(append(all, gauge, late)...)
	})
}

// Members who must not get the same messages, or stand at different places, share a round all the same.
func TestRoundOfManyCursors(t *testing.T) {
	onStage(t, retain.Limits{}, func(s *stage) {
		first := s.live("r", at("a", 0), nil)
		var all []*sitter
		for range 20 {
			all = append(all, s.seated("k", "r"))
		}
		run := said(1, 40)
		want := make([]string, len(all))
		for i, k := range all {
			run[i].Except = k.ID()
			want[i] = numbers(1, i) + " " + numbers(i+2, 40)
		}
		want[0] = numbers(2, 40)
		s.hub.Deliver("r", "a", run)
		for i, k := range all {
			k.want(t, want[i])
		}
		first.want(t, numbers(1, 40))
		if n := s.hub.Stats().Delivered; n != 20*39+40 {
			t.Errorf("%d deliveries", n)
		}
		leave(append(all, first)...)
	})
}
