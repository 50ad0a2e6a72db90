package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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

// The model: a room is a list of payloads, and what a connection sees of a room is a place in that list. Joins, leaves, publishes,
// stalls, resumes and departures happen at random; whenever everything has come to rest, each connection must have seen, of
// each of its rooms, every message behind its join once and in order, or a gap that names exactly what is kept no longer. A signal may be
// missing, but it never stands elsewhere than where its sender has put it among its own messages.

// world is a hub with its broker and the connections that a test plays.
type world struct {
	t      *testing.T
	rnd    *rand.Rand
	hub    *hub.Hub
	broker *broker.Memory
	peers  []*actor
	steps  []string // what was done, for the one who has to understand a failure

	mu    sync.Mutex // guards truth
	truth map[string]map[uint64]string
}

// actor is one connection as its client sees it.
type actor struct {
	name  string
	peer  *hub.Peer
	conn  *testkit.Conn
	rest  []byte
	rooms map[string]*view
	tight bool           // its socket does not take everything
	said  map[string]int // by room: how many messages it has published

	mu     sync.Mutex // guards hidden
	hidden map[string]map[uint64]bool
}

// view is a room as one connection has seen it.
type view struct {
	in      bool
	asked   []hub.JoinOptions // joins without an answer
	leaving int
	epoch   string
	next    uint64         // the offset that has to come
	from    uint64         // after a join with last: the least offset the first message may have; 0: next is exact
	until   uint64         // from which on a gap is announced then
	mark    bool           // the epoch has to be announced next
	heard   map[string]int // by sender: which of its messages came last
}

func TestModel(t *testing.T) {
	seeds := 120
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { play(t, uint64(seed)) })
		})
	}
}

func play(t *testing.T, seed uint64) {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), truth: map[string]map[uint64]string{}}
	// The log here is shorter than the broker's, as long, or longer.
	kept := []int{8, 30, 1000}
	w.broker = broker.NewMemory(broker.MemoryOptions{Retention: retain.Limits{Messages: kept[w.rnd.IntN(3)]}})
	w.hub = hub.New(hub.Options{
		Broker: w.broker, Retention: retain.Limits{Messages: kept[w.rnd.IntN(3)]},
		Ping: 100 * time.Hour, WriteTimeout: 100 * time.Hour, Shards: 1 + w.rnd.IntN(3),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.broker.Run(ctx, w.hub) })
	running.Go(func() { _ = w.hub.Run(ctx) })

	for range 6 {
		w.connect()
	}
	for range 300 {
		if w.step(); t.Failed() {
			break
		}
	}
	for _, a := range w.peers {
		a.conn.Take(-1)
		a.tight = false
	}
	w.rest()
	for _, a := range slices.Clone(w.peers) {
		w.disconnect(a)
	}
	synctest.Wait()
	if s := w.hub.Stats(); s.Members != 0 || s.SlowLane != 0 || s.Connections[wire.JSON] != 0 {
		t.Errorf("everybody has gone, but %+v", s)
	}
	cancel()
	running.Wait()
	if t.Failed() {
		for _, s := range w.steps {
			t.Log(s)
		}
	}
}

func (w *world) did(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *world) step() {
	a := w.peers[w.rnd.IntN(len(w.peers))]
	room := []string{"red", "green", "blue"}[w.rnd.IntN(3)]
	switch w.rnd.IntN(20) {
	case 0:
		if len(w.peers) < 9 {
			w.connect()
		}
	case 1:
		if len(w.peers) > 3 {
			w.disconnect(a)
		}
	case 2, 3, 4:
		w.join(a, room)
	case 5:
		w.leave(a, room)
	case 6:
		n := w.rnd.IntN(300)
		w.did("%s's socket takes %d bytes", a.name, n)
		a.tight = true
		a.conn.Take(n)
	case 7, 8:
		w.did("%s's socket takes all", a.name)
		a.tight = false
		a.conn.Take(-1)
	case 9:
		w.rest()
	case 10:
		time.Sleep(time.Duration(w.rnd.IntN(60)) * time.Millisecond)
	case 11:
		if w.rnd.IntN(10) == 0 {
			time.Sleep(40 * time.Second) // rooms are unwatched
		}
	case 12:
		w.signal(a, room)
	default:
		w.publish(a, room, 1+w.rnd.IntN(6))
		if w.rnd.IntN(3) == 0 {
			w.signal(a, room)
			w.publish(a, room, 1+w.rnd.IntN(3))
		}
	}
}

func (w *world) connect() {
	a := &actor{
		name: fmt.Sprintf("c%d", len(w.steps)), conn: testkit.NewConn(),
		rooms: map[string]*view{}, hidden: map[string]map[uint64]bool{}, said: map[string]int{},
	}
	a.peer = w.hub.NewPeer(a.name, wire.JSON)
	a.peer.Attach(a.conn)
	w.peers = append(w.peers, a)
	w.did("%s connects", a.name)
}

func (w *world) disconnect(a *actor) {
	w.did("%s goes", a.name)
	a.peer.Drop()
	_ = a.conn.Close()
	a.peer.End(1006)
	w.peers = slices.DeleteFunc(w.peers, func(x *actor) bool { return x == a })
}

// settled is what a client's reader waits for before it sends the next command of a room.
func (a *actor) settled(room string) {
	a.peer.Await(func(l hub.Load) bool { return l.Settled(room) })
}

func (w *world) join(a *actor, room string) {
	v := a.rooms[room]
	if v == nil {
		v = &view{}
		a.rooms[room] = v
	}
	o := hub.JoinOptions{Room: room, Last: -1}
	switch w.rnd.IntN(5) {
	case 0:
	case 1:
		o.Last = int64(w.rnd.IntN(40))
	case 2:
		o.After = &wire.Position{Epoch: "nowhere", Offset: uint64(w.rnd.IntN(9))}
	default:
		w.rest() // so that what was seen last is known
		if v.epoch == "" {
			return
		}
		o.After = &wire.Position{Epoch: v.epoch, Offset: v.next - 1}
	}
	a.settled(room)
	v.asked = append(v.asked, o)
	w.did("%s joins %s %+v", a.name, room, o)
	a.peer.Join(o)
}

func (w *world) leave(a *actor, room string) {
	if v := a.rooms[room]; v != nil {
		a.settled(room)
		v.leaving++
		w.did("%s leaves %s", a.name, room)
		a.peer.Leave(wire.Ref(strconv.Quote(room)), room)
	}
}

func (w *world) publish(a *actor, room string, n int) {
	a.settled(room)
	var m []wire.Message
	for range n {
		msg := wire.Message{Client: a.name, Kind: wire.KindJSON, Time: 1, Payload: a.word(room, 1)}
		if w.rnd.IntN(4) == 0 {
			msg.Except = a.peer.ID()
		}
		m = append(m, msg)
	}
	w.did("%s publishes %d to %s", a.name, n, room)
	sent := slices.Clone(m)
	a.peer.Publish(room, m, func(answers []broker.Accepted) {
		for i, answer := range answers {
			w.record(a, room, sent[i], answer)
		}
	})
}

// signal says how many messages its sender has published before.
func (w *world) signal(a *actor, room string) {
	a.settled(room)
	w.did("%s signals to %s", a.name, room)
	a.peer.Signal(room, wire.Message{Client: a.name, Kind: wire.KindJSON, Payload: a.word(room, 0), Except: a.peer.ID()})
}

// word is what an actor says in a room: which of its messages this is, or which was the last one.
func (a *actor) word(room string, more int) []byte {
	a.said[room] += more
	return strconv.AppendInt(nil, int64(a.said[room]), 10)
}

func (w *world) record(a *actor, room string, m wire.Message, answer broker.Accepted) {
	if answer.Err != nil {
		w.t.Error(answer.Err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.truth[room] == nil {
		w.truth[room] = map[uint64]string{}
	}
	w.truth[room][answer.Position.Offset] = string(m.Payload)
	if m.Except != "" {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.hidden[room] == nil {
			a.hidden[room] = map[uint64]bool{}
		}
		a.hidden[room][answer.Position.Offset] = true
	}
}

// rest lets everything come to rest and compares.
func (w *world) rest() {
	synctest.Wait()
	time.Sleep(200 * time.Millisecond) // windows pass
	synctest.Wait()
	for _, a := range w.peers {
		w.read(a)
		if a.tight {
			continue
		}
		for name, v := range a.rooms {
			end := uint64(len(w.truth[name])) + 1
			a.skip(name, v)
			if v.in && (v.next != end || v.mark) {
				w.t.Errorf("%s in %s stands before %d, the log ends before %d: %+v", a.name, name, v.next, end, v)
			}
			if len(v.asked) > 0 || v.leaving > 0 {
				w.t.Errorf("%s in %s waits for %d joins and %d leaves", a.name, name, len(v.asked), v.leaving)
			}
		}
	}
}

// skip moves a view behind what its connection published for others only.
func (a *actor) skip(room string, v *view) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.hidden[room][v.next] {
		v.next++
	}
}

// read checks what has come to one connection.
func (w *world) read(a *actor) {
	frames, rest := testkit.Frames(append(a.rest, a.conn.Written()...))
	a.rest = rest
	for _, e := range testkit.Events(frames) {
		if e.Type == "error" {
			_ = json.Unmarshal(e.Ref, &e.Room)
		}
		v := a.rooms[e.Room]
		if v == nil {
			w.t.Errorf("%s got %+v of a room it never asked for", a.name, e)
			continue
		}
		switch e.Type {
		case "joined":
			w.joined(a, v, e)
		case "left":
			v.leaving--
			v.in = false
		case "error":
			v.leaving--
			if e.Code != "not_joined" || v.in {
				w.t.Errorf("%s got %+v", a.name, e)
			}
		case "gap":
			w.gap(a, v, e)
		case "message":
			w.message(a, v, e)
			if v.heard == nil {
				v.heard = map[string]int{}
			}
			v.heard[string(e.From)] = number(e.Data)
		case "signal":
			if last, at := v.heard[string(e.From)], number(e.Data); !v.in || last > at {
				w.t.Errorf("%s in %s: the signal that %s sent behind its message %d comes behind %d", a.name, e.Room, e.From, at, last)
			}
		}
	}
}

func (w *world) joined(a *actor, v *view, e testkit.Event) {
	if len(v.asked) == 0 {
		w.t.Errorf("%s: a second joined of %s", a.name, e.Room)
		return
	}
	o := v.asked[0]
	v.asked = v.asked[1:]
	if v.in {
		return // it was in: nothing is replayed
	}
	*v = view{in: true, asked: v.asked, leaving: v.leaving, epoch: e.Position.Epoch, next: e.Position.Offset + 1}
	end := v.next
	switch {
	case o.After != nil && o.After.Epoch == v.epoch:
		v.next = o.After.Offset + 1
	case o.After != nil:
		if v.next = 1; end > 1 || o.After.Offset > 0 {
			v.mark = true
		}
	case o.Last > 0:
		v.next = 1
		if uint64(o.Last) < end {
			v.next = end - uint64(o.Last)
		}
		if v.next < end {
			v.from, v.until = v.next, end
		}
	}
}

func number(data json.RawMessage) (n int) {
	_ = json.Unmarshal(data, &n)
	return n
}

func (w *world) gap(a *actor, v *view, e testkit.Event) {
	if !v.in {
		w.t.Errorf("%s is told of a gap in %s, where it is not", a.name, e.Room)
		return
	}
	if e.Reason == "epoch" {
		if !v.mark || e.Epoch != v.epoch {
			w.t.Errorf("%s: a new epoch in %s that is none: %+v", a.name, e.Room, e)
		}
		v.mark = false
		return
	}
	page, err := w.broker.History(w.t.Context(), e.Room, wire.Position{}, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	from := e.GapFrom()
	if v.from > 0 { // what it asked for is gone already
		v.next, v.from = v.until, 0
	}
	a.skip(e.Room, v)
	if v.mark || from > v.next || e.To < from || e.To >= page.First {
		w.t.Errorf("%s in %s before %d: a gap from %d to %d, but from %d on all is kept", a.name, e.Room, v.next, from, e.To, page.First)
	}
	for n := from; n < v.next; n++ {
		if !a.hidden[e.Room][n] {
			w.t.Errorf("%s in %s: a gap at %d, which it has", a.name, e.Room, n)
		}
	}
	v.next = e.To + 1
}

func (w *world) message(a *actor, v *view, e testkit.Event) {
	if !v.in || v.mark {
		w.t.Errorf("%s got %d of %s, and is not there: %+v", a.name, e.Offset, e.Room, v)
		return
	}
	if v.from > 0 {
		if e.Offset < v.from {
			w.t.Errorf("%s in %s: %d is more than it asked for", a.name, e.Room, e.Offset)
		}
		v.next, v.from = e.Offset, 0
	}
	a.skip(e.Room, v)
	if e.Offset != v.next {
		w.t.Errorf("%s in %s got %d where %d had to come", a.name, e.Room, e.Offset, v.next)
	}
	if want := w.truth[e.Room][e.Offset]; string(e.Data) != want {
		w.t.Errorf("%s in %s: %d is %s, was published as %s", a.name, e.Room, e.Offset, e.Data, want)
	}
	v.next = e.Offset + 1
}
