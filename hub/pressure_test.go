package hub_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/hub"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// A reader that is held back by answers that its client does not read hears nothing, and its client is not taken for silent.
func TestWhoIsHeldBackByItsAnswersIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{Broker: &script{}, Ping: 10 * time.Second, WriteTimeout: time.Hour, Shards: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx) })
		k := &sitter{Peer: h.NewPeer("k", wire.JSON), conn: testkit.NewConn()}
		k.Attach(k.conn)
		k.conn.Take(0)
		answer := wire.AppendFrame(nil, wire.OpText, make([]byte, 8<<10))
		for range 8 {
			k.Send(answer)
		}
		goesOn := make(chan bool, 1)
		go func() { goesOn <- k.Await(hub.Load.Light) }()
		time.Sleep(5 * time.Minute)
		if code := k.Closing(); code != 0 {
			t.Errorf("it is closed with %d", code)
		}
		k.conn.Take(-1)
		if !<-goesOn {
			t.Error("the reader must not go on")
		}
		time.Sleep(15 * time.Second) // from here on it is heard again, or not
		if code := k.Closing(); code != 0 {
			t.Errorf("it is closed with %d", code)
		}
		time.Sleep(20 * time.Second)
		if code := k.Closing(); code != wire.CloseSilent {
			t.Errorf("who says nothing for two intervals is closed with %d", code)
		}
		leave(k)
		cancel()
		running.Wait()
	})
}
