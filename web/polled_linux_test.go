package web

import (
	"io"
	"testing"
	"time"

	"hubbub/hub"
)

// echoer sends back what comes, waiting as a client's connection does: without a goroutine.
type echoer struct {
	c    hub.Conn
	p    *pad
	done chan error

	empty int // times that it was woken for nothing
}

func (e *echoer) Readable() {
	n, err := e.c.Read(e.p)
	if n == 0 && err == nil {
		e.empty++
		e.c.Await(e)
		return
	}
	if err != nil {
		e.done <- err
		return
	}
	if _, err := e.c.TryWrite(e.p.filled(n)); err != nil {
		e.done <- err
		return
	}
	e.c.Await(e)
}

// TestAwaitWakes hunts for a lost wake-up of a connection that waits without a goroutine: each byte is sent when the last one has come back.
func TestAwaitWakes(t *testing.T) { each(t, testAwaitWakes) }

func testAwaitWakes(t *testing.T, pair pairing) {
	c, peer := pair(t)
	_ = c.SetReadDeadline(time.Time{})
	e := &echoer{c: c, p: newPad(64), done: make(chan error, 1)}
	c.Await(e)
	var b [1]byte
	for i := range 20_000 {
		b[0] = byte(i)
		if _, err := peer.Write(b[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, b[:]); err != nil || b[0] != byte(i) {
			t.Fatalf("round %d: %d, %v", i, b[0], err)
		}
	}
	_ = peer.Close()
	within(t, "the end of the stream", e.done, io.EOF)
	if e.empty > 20_000 {
		t.Errorf("woken %d times for nothing in 20,000 rounds", e.empty)
	}
}

// TestMoreThanABuffer: what came as one event is read to its end, however small the buffer.
func TestMoreThanABuffer(t *testing.T) { each(t, testMoreThanABuffer) }

func testMoreThanABuffer(t *testing.T, pair pairing) {
	c, peer := pair(t)
	e := &echoer{c: c, p: newPad(64), done: make(chan error, 1)}
	sent := make([]byte, 1000)
	if _, err := peer.Write(sent); err != nil {
		t.Fatal(err)
	}
	c.Await(e)
	if _, err := io.ReadFull(peer, sent); err != nil {
		t.Fatal(err)
	}
	_ = peer.Close()
	within(t, "the end of the stream", e.done, io.EOF)
}

// TestClosedSocketsAreForgotten: the poller must not keep what has ended.
func TestClosedSocketsAreForgotten(t *testing.T) {
	c, _ := pairOf(t, kinds["polled"])
	s := c.(*polled)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.poller.mu.Lock()
	defer s.poller.mu.Unlock()
	if s.poller.sockets[s.fd] != nil {
		t.Error("a closed socket is still there")
	}
}

// TestAwaitIsWokenByAll: what comes, an end, a deadline from elsewhere, a close, each before and after the wait has begun.
func TestAwaitIsWokenByAll(t *testing.T) {
	each(t, func(t *testing.T, pair pairing) {
		for name, cause := range map[string]func(c hub.Conn, peer io.WriteCloser){
			"a byte": func(_ hub.Conn, peer io.WriteCloser) {
				_, _ = peer.Write([]byte{1})
			},
			"the end": func(_ hub.Conn, peer io.WriteCloser) {
				_ = peer.Close()
			},
			"a deadline": func(c hub.Conn, _ io.WriteCloser) {
				_ = c.SetReadDeadline(time.Unix(1, 0))
			},
			"a close": func(c hub.Conn, _ io.WriteCloser) {
				_ = c.Close()
			},
		} {
			for _, early := range []bool{true, false} {
				c, peer := pair(t)
				woken := make(once, 1)
				if early {
					cause(c, peer)
				}
				c.Await(woken)
				if !early {
					cause(c, peer)
				}
				select {
				case <-woken:
				case <-time.After(patience):
					t.Errorf("%s (early: %v) wakes nobody", name, early)
				}
			}
		}
	})
}

// TestLastWordsAndEnd: bytes and the end of the stream that come as one event are both read.
func TestLastWordsAndEnd(t *testing.T) { each(t, testLastWordsAndEnd) }

func testLastWordsAndEnd(t *testing.T, pair pairing) {
	for range 300 {
		c, peer := pair(t)
		if _, err := peer.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		_ = peer.CloseWrite()
		e := &echoer{c: c, p: newPad(64), done: make(chan error, 1)}
		c.Await(e)
		within(t, "the end of the stream", e.done, io.EOF)
	}
}
