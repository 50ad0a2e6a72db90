package hub_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/wire"
)

// swallow is a connection that takes all at once and says nothing.
type swallow struct{ bytes atomic.Int64 }

func (s *swallow) Await(hub.Waiter)                {}
func (s *swallow) Read(hub.Buffer) (int, error)    { return 0, nil }
func (s *swallow) SetReadDeadline(time.Time) error { return nil }
func (s *swallow) TryWrite(p []byte) (int, error)  { s.bytes.Add(int64(len(p))); return len(p), nil }
func (s *swallow) AwaitWritable(time.Time) error   { return nil }
func (s *swallow) CloseWrite() error               { return nil }
func (s *swallow) Close() error                    { return nil }

// A delivery in the fast lane allocates nothing. What a message costs once, for all members together, is allowed for: it is a few
// dozen allocations at most, and shows as hundredths here.
func TestDeliveryAllocatesNothing(t *testing.T) {
	const members, rounds, perRound = 1000, 50, 4
	onStage(t, retain.Limits{Messages: 1000}, func(s *stage) {
		first := s.live("r", at("a", 0), nil)
		var all []*swallow
		var peers []*hub.Peer
		for i := range members {
			c, p := new(swallow), s.hub.NewPeer(fmt.Sprint(i), wire.JSON)
			p.Attach(c)
			p.Join(hub.JoinOptions{Room: "r", Last: -1})
			all, peers = append(all, c), append(peers, p)
		}
		offset := uint64(0)
		deliver := func() {
			run := said(offset+1, offset+perRound)
			offset += perRound
			s.hub.Deliver("r", "a", run)
			time.Sleep(time.Second) // the bubble's: every window has passed
			synctest.Wait()
		}
		for range 10 {
			deliver() // buffers find their size
		}
		heard := all[0].bytes.Load()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			deliver()
		}
		runtime.ReadMemStats(&after)
		if all[members-1].bytes.Load() < heard+rounds*perRound*50 {
			t.Fatalf("the last member got %d bytes, the first had %d before", all[members-1].bytes.Load(), heard)
		}
		if each := float64(after.Mallocs-before.Mallocs) / (members * rounds * perRound); each > 0.02 {
			t.Errorf("%.3f allocations a delivery", each)
		}
		for _, p := range peers {
			p.Drop()
			p.End(1006)
		}
		leave(first)
	})
}
