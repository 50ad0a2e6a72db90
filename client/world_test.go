package client

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hubbub/broker"
	"hubbub/hub"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an instance without HTTP. It lives in a synctest bubble and ends with it.
type world struct {
	t       *testing.T
	clients *Clients
	hub     *hub.Hub
}

// settings of a world; zero values are the defaults of what they are for.
type settings struct {
	keep    retain.Limits
	rooms   int
	message int64
	wrap    func(broker.Broker) broker.Broker
}

// in plays a test within a bubble.
func in(t *testing.T, s settings, play func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := broker.NewMemory(broker.MemoryOptions{Retention: s.keep})
		var b broker.Broker = m
		if s.wrap != nil {
			b = s.wrap(m)
		}
		w := &world{t: t}
		w.hub = hub.New(hub.Options{Instance: "i", Broker: b, Retention: s.keep, MaxRooms: s.rooms, Shards: 2})
		w.clients = New(w.hub, Options{Instance: "i", MaxMessage: s.message, MaxRooms: s.rooms})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = b.Run(ctx, w.hub) })
		running.Go(func() { _ = w.hub.Run(ctx) })
		play(w)
		w.clients.Drain(ctx, 10*time.Second)
		synctest.Wait()
		if s := w.hub.Stats(); s.Connections != [3]int64{} || s.SlowLane != 0 || s.Members != 0 {
			t.Errorf("all have gone, but %+v", s)
		}
		cancel()
		running.Wait()
	})
}

// talker is a client as the test plays it.
type talker struct {
	w      *world
	conn   *testkit.Conn
	client *Client
	rest   []byte
}

func (w *world) open(r Request) *talker {
	w.t.Helper()
	if r.Client == "" {
		r.Client = "alice"
	}
	c, err := w.clients.Open(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	k := &talker{w: w, conn: testkit.NewConn(), client: c}
	go c.Serve(k.conn, nil)
	return k
}

// json opens a connection in the JSON dialect and takes its welcome.
func (w *world) json(client string) *talker {
	w.t.Helper()
	k := w.open(Request{Client: client, Dialect: wire.JSON})
	if e := k.events(); len(e) != 1 || e[0].Type != "welcome" {
		w.t.Fatalf("not welcome: %+v", e)
	}
	return k
}

func (w *world) pipe(client, room string) *talker {
	return w.open(Request{Client: client, Dialect: wire.Pipe, Room: room, Last: -1})
}

// say sends commands.
func (k *talker) say(commands ...string) {
	for _, c := range commands {
		k.conn.Feed(testkit.Text(c))
	}
}

// frames is what has come once everything is at rest.
func (k *talker) frames() []testkit.Frame {
	synctest.Wait()
	frames, rest := testkit.Frames(append(k.rest, k.conn.Written()...))
	k.rest = rest
	return frames
}

func (k *talker) events() []testkit.Event { return testkit.Events(k.frames()) }

// ask says one command and wants one answer of a type.
func (k *talker) ask(command, want string) testkit.Event {
	k.w.t.Helper()
	k.say(command)
	e := k.events()
	if len(e) != 1 || e[0].Type != want {
		k.w.t.Fatalf("%s: got %+v, want one %s", command, e, want)
	}
	return e[0]
}

// refused says one command and wants an error with a code.
func (k *talker) refused(command string, code wire.Code) testkit.Event {
	k.w.t.Helper()
	e := k.ask(command, "error")
	if e.Code != string(code) {
		k.w.t.Errorf("%s: got %+v, want %s", command, e, code)
	}
	return e
}

// wantClose wants a close frame with a code as the last frame, and the socket closed in the end.
func (k *talker) wantClose(code wire.CloseCode) {
	k.w.t.Helper()
	f := k.frames()
	if len(f) == 0 || f[len(f)-1].Close() != code {
		k.w.t.Errorf("got %s, want a close frame with %d", show(f), code)
	}
	for _, x := range f[:max(len(f)-1, 0)] {
		if x.Op == wire.OpClose {
			k.w.t.Errorf("more than one close frame: %s", show(f))
		}
	}
	if half, _ := k.conn.Ended(); !half {
		k.w.t.Error("no FIN behind the close frame")
	}
	time.Sleep(2 * grace)
	synctest.Wait()
	if _, closed := k.conn.Ended(); !closed {
		k.w.t.Error("the socket is still open")
	}
}

// wantOpen wants a connection that still answers.
func (k *talker) wantOpen() {
	k.w.t.Helper()
	k.conn.Feed(testkit.Ping("still?"))
	f := k.frames()
	if len(f) == 0 || f[len(f)-1].Op != wire.OpPong || string(f[len(f)-1].Payload) != "still?" {
		k.w.t.Errorf("got %s, want a pong", show(f))
	}
}

func show(frames []testkit.Frame) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString(" ")
		b.WriteByte("0123456789abcdef"[f.Op])
		b.WriteString(":")
		b.Write(f.Payload)
	}
	return b.String()
}
