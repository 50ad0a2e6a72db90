package hub_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/broker"
	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// A stage is a hub whose broker is the test itself: it says to the hub, through its Sink, what a broker may say, in whatever order a broker
// may say it. That shows what the memory broker never does: new epochs, holes, clients that know more than this instance.

// stage is played within a synctest bubble. One shard, so that the order of its work is known.
type stage struct {
	*script
	t   *testing.T
	hub *hub.Hub
}

func onStage(t *testing.T, keep retain.Limits, play func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, script: &script{}}
		s.hub = hub.New(hub.Options{Instance: "i", Broker: s.script, Retention: keep, Ping: 100 * time.Hour, WriteTimeout: 100 * time.Hour, Shards: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.hub.Run(ctx) })
		play(s)
		cancel()
		running.Wait()
	})
}

// script is the broker. It answers by itself only what a test has told it to.
type script struct {
	mu      sync.Mutex // guards what follows
	calls   []string
	pages   func(room string, after wire.Position, limit int) (broker.Page, error)
	answers []func([]broker.Accepted)
	onWatch func(room string)
}

// Run implements broker.Broker.
func (s *script) Run(ctx context.Context, _ broker.Sink) error {
	<-ctx.Done()
	return nil
}

// Publish implements broker.Broker: it is answered when the test says so.
func (s *script) Publish(room string, m []wire.Message, done func([]broker.Accepted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprint("publish ", room, " ", len(m)))
	s.answers = append(s.answers, done)
}

// Signal implements broker.Broker. The hub's own figures do not interest here.
func (s *script) Signal(string, wire.Message) {}

// Watch implements broker.Broker.
func (s *script) Watch(room string, on bool) {
	s.mu.Lock()
	what := "unwatch "
	if on {
		what = "watch "
	}
	s.calls = append(s.calls, what+room)
	then := s.onWatch
	s.mu.Unlock()
	if then != nil {
		then(room)
	}
}

// History implements broker.Broker.
func (s *script) History(_ context.Context, room string, after wire.Position, limit int) (broker.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf("history %s %s:%d", room, after.Epoch, after.Offset))
	if s.pages == nil {
		return broker.Page{}, fmt.Errorf("nobody told the script of %s", room)
	}
	return s.pages(room, after, limit)
}

// called is what was asked of the broker since the last time.
func (s *script) called() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := strings.Join(s.calls, ", ")
	s.calls = nil
	return c
}

// keeps makes a script answer pages of a log of one epoch with the offsets first to last.
func (s *script) keeps(epoch string, first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = func(_ string, after wire.Position, limit int) (broker.Page, error) {
		p := broker.Page{Epoch: epoch, First: first, Last: last}
		if after.Epoch == "" || after.Epoch == epoch {
			if from := max(first, after.Offset+1); from <= last {
				p.Messages = said(from, min(last, from+uint64(limit)-1))
			}
		}
		return p, nil
	}
}

// said is messages with the offsets from to, both included; each says its offset.
func said(from, to uint64) (m []*wire.Message) {
	for n := from; n <= to; n++ {
		m = append(m, &wire.Message{Offset: n, Client: "x", Kind: wire.KindJSON, Payload: strconv.AppendUint(nil, n, 10)})
	}
	return m
}

func at(epoch string, offset uint64) wire.Position {
	return wire.Position{Epoch: epoch, Offset: offset}
}

// sitter is a connection in the JSON dialect.
type sitter struct {
	*hub.Peer
	conn *testkit.Conn
	rest []byte
}

func (s *stage) sitter(name string) *sitter {
	conn := testkit.NewConn()
	return s.sitterOn(name, conn, conn)
}

// sitterOn is a sitter on a connection that wraps another.
func (s *stage) sitterOn(name string, conn hub.Conn, inner *testkit.Conn) *sitter {
	k := &sitter{Peer: s.hub.NewPeer(name, wire.JSON), conn: inner}
	k.Attach(conn)
	return k
}

// seated is a sitter who has joined a room.
func (s *stage) seated(name, room string) *sitter {
	s.t.Helper()
	k := s.sitter(name)
	k.Join(hub.JoinOptions{Room: room, Last: -1})
	if got := k.story(); !strings.HasPrefix(got, "joined") {
		s.t.Fatalf("%s in %s: %s", name, room, got)
	}
	return k
}

// live has a room watched from a position on, by making somebody join it who waits for nothing else.
func (s *stage) live(room string, at wire.Position, tail []*wire.Message) *sitter {
	s.t.Helper()
	k := s.sitter("first")
	k.Join(hub.JoinOptions{Room: room, Last: -1})
	synctest.Wait()
	s.hub.Watching(room, at, tail)
	if got := k.story(); !strings.HasPrefix(got, "joined") {
		s.t.Fatalf("first in %s: %s", room, got)
	}
	return k
}

// wantCalls wants the broker to have been asked for that since the last time, and for nothing else.
func (s *stage) wantCalls(calls string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.called(); got != calls {
		s.t.Errorf("the broker was asked: %s\nwant: %s", got, calls)
	}
}

// leave ends connections, as their readers do.
func leave(all ...*sitter) {
	for _, k := range all {
		k.Drop()
		_ = k.conn.Close()
		k.End(1006)
	}
	synctest.Wait()
}

// events is what has come to a sitter once everything is at rest.
func (k *sitter) events() []testkit.Event {
	synctest.Wait()
	frames, rest := testkit.Frames(append(k.rest, k.conn.Written()...))
	k.rest = rest
	return testkit.Events(frames)
}

// story tells the same in short.
func (k *sitter) story() string {
	var s []string
	for _, e := range k.events() {
		switch {
		case e.Type == "joined":
			s = append(s, fmt.Sprintf("joined(%s:%d)", e.Position.Epoch, e.Position.Offset))
		case e.Type == "message":
			s = append(s, fmt.Sprint(e.Offset))
			if string(e.Data) != fmt.Sprint(e.Offset) {
				s = append(s, fmt.Sprintf("with what is not its: %s", e.Data))
			}
		case e.Type == "gap" && e.Reason == "epoch":
			s = append(s, "epoch("+e.Epoch+")")
		case e.Type == "gap":
			s = append(s, fmt.Sprintf("gap%d-%d", e.GapFrom(), e.To))
		case e.Type == "error":
			s = append(s, e.Code)
		default:
			s = append(s, e.Type)
		}
	}
	return strings.Join(s, " ")
}

func (k *sitter) want(t *testing.T, story string) {
	t.Helper()
	if got := k.story(); got != story {
		t.Errorf("%s got:  %s\nwant: %s", k.Client(), got, story)
	}
}

// numbers is the story of the messages from to.
func numbers(from, to int) string {
	var s []string
	for n := from; n <= to; n++ {
		s = append(s, strconv.Itoa(n))
	}
	return strings.Join(s, " ")
}
