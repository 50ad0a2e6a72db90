package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"hubbub/wire"
)

// script is a follower that a test drives event by event, without a network, and what its sink heard.
type script struct {
	t *testing.T
	*follower
	link  *link
	lines []string
}

func newScript(t *testing.T) *script {
	r, err := NewRedis(RedisOptions{URL: "redis://127.0.0.1:1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.client.Close() })
	s := &script{t: t, follower: r.follower}
	s.to, s.who = s, s
	s.link = &link{wake: make(chan struct{}, 1), rooms: make(map[string]*followed)}
	s.link.proven.Store(time.Now().UnixNano())
	s.routes.links = map[string]*link{"": s.link}
	return s
}

func (s *script) note(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *script) Watching(_ string, at wire.Position, tail []*wire.Message) {
	s.note("watching %s/%d %d", at.Epoch, at.Offset, len(tail))
}

func (s *script) Deliver(_, epoch string, run []*wire.Message) {
	s.note("deliver %s/%d-%d", epoch, run[0].Offset, run[len(run)-1].Offset)
}
func (s *script) Reset(_ string, at wire.Position) { s.note("reset %s", at.Epoch) }
func (s *script) Signal(_ string, m wire.Message)  { s.note("signal %s", m.Payload) }
func (s *script) Presence(_ string, c PresenceChange) {
	s.note("presence %d %v %v %v", c.Count, c.Joined, c.Left, c.Known)
}

// heard compares what the sink has heard since the last time.
func (s *script) heard(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.lines); diff != "" {
		s.t.Error(diff)
	}
	s.lines = nil
}

const channel = "hubbub:{r}:push"

// wanted says that the room is wanted, or no more.
func (s *script) wanted(on bool) {
	s.watch("r", on)
	s.applyLevels()
}

func (s *script) confirmed() { s.take(linkTurned{s.link, channel, true}) }
func (s *script) push(format string, args ...any) {
	s.take(linkPush{s.link, channel, fmt.Sprintf(format, args...)})
}

// asked is what the reader was asked for, one read.
func (s *script) asked() ask {
	s.t.Helper()
	asks := s.r.reader.take()
	if len(asks) != 1 {
		s.t.Fatalf("%d reads are asked for: %+v", len(asks), asks)
	}
	return asks[0]
}

func (s *script) quiet() {
	s.t.Helper()
	if asks := s.r.reader.take(); len(asks) != 0 {
		s.t.Errorf("a read is asked for: %+v", asks)
	}
}

// answer answers a read: the log ends at top, with these batches.
func (s *script) answer(a ask, top place, version uint64, members int, batches ...storedBatch) {
	s.take(&pageRead{ask: a, logPage: logPage{top: top, first: 1, version: version, members: members, batches: batches, complete: true}})
}

func blobs(payloads ...string) string {
	var data []byte
	for _, p := range payloads {
		data = appendBlob(data, &wire.Message{Client: "a", Payload: []byte(p)})
	}
	return string(data)
}

func stored(e epoch, first uint64, payloads ...string) storedBatch {
	n := uint64(len(payloads))
	return storedBatch{at: place{e, first + n - 1}, n: n, data: blobs(payloads...)}
}

// watched is a script whose room is watched in epoch 36 (its name is 10) at offset 1.
func watched(t *testing.T) *script {
	s := newScript(t)
	s.wanted(true)
	s.confirmed()
	s.answer(s.asked(), place{36, 1}, 1, 1, stored(36, 1, "a"))
	s.heard("presence 1 [] [] []", "watching 10/1 1")
	s.quiet()
	return s
}

func TestFollowPushes(t *testing.T) {
	s := watched(t)
	s.push("M36 1\n%s", blobs("a")) // the read had it
	s.quiet()
	s.push("M36 2\n%s", blobs("b", "c"))
	s.heard("deliver 10/2-3")
	s.push("M36 5\n%s", blobs("e")) // 4 is missing
	s.push("M36 6\n%s", blobs("f"))
	s.heard()
	a := s.asked()
	if a.tail || a.from != "36-3" {
		t.Errorf("%+v is read", a)
	}
	s.answer(a, place{36, 5}, 1, 1, stored(36, 2, "b", "c"), stored(36, 4, "d"), stored(36, 5, "e"))
	s.heard("deliver 10/4-4", "deliver 10/5-5", "deliver 10/6-6")
	s.quiet()
	for _, bad := range []string{"", "?", "M", "M36 7", "M0 7\n" + blobs("g"), "M9007199254740992 7\n" + blobs("g"), "M36 7\n", "M36 0\n" + blobs("g"), "E", "Ex", "E9007199254740992", "Px 1\n"} {
		s.push("%s", bad)
	}
	s.heard()
	s.quiet()
	s.push("E37")
	s.answer(s.asked(), place{37, 0}, 1, 1, stored(36, 6, "f"))
	s.heard("reset 11")
	s.push("M36 7\n%s", blobs("g")) // late, of the old epoch: looked up, and nothing comes of it
	s.answer(s.asked(), place{37, 0}, 1, 1)
	s.heard()
	s.quiet()
}

// A link of which it is not known whether it hears the right server brings news, and no messages: what is true of them is in the log.
func TestFollowTrustsAProvenLink(t *testing.T) {
	s := watched(t)
	s.link.proven.Store(time.Now().Add(-trustFor - time.Second).UnixNano())
	s.push("M36 2\n%s", blobs("not b"))
	s.push("M37 9\n%s", blobs("from a world of its own"))
	s.heard()
	a := s.asked()
	s.push("M36 3\n%s", blobs("not c"))
	s.answer(a, place{36, 2}, 1, 1, stored(36, 1, "a"), stored(36, 2, "b"))
	s.heard("deliver 10/2-2")
	s.answer(s.asked(), place{36, 2}, 1, 1, stored(36, 2, "b")) // nothing the log does not know
	s.heard()
	s.quiet()
	if seen := s.r.seen.of("r"); seen != (place{36, 2}) {
		t.Errorf("it is taken for seen that there is %v", seen)
	}
	s.link.proven.Store(time.Now().UnixNano())
	s.push("M36 3\n%s", blobs("c"))
	s.heard("deliver 10/3-3")
	s.quiet()
}

// A probe proves where a link leads if it was answered and came back, in either order; one that was given up and comes back later proves nothing.
func TestProbesProve(t *testing.T) {
	l := new(link)
	answered := func(sent int64) {
		l.answered.Store(sent)
		l.prove()
	}
	came := func(sent int64) { l.cameBack(uintText(uint64(sent))) }
	now := time.Now().UnixNano()
	for _, step := range []struct {
		what   string
		do     func(int64)
		sent   int64
		proven int64
	}{
		{"answered", answered, now, 0},
		{"came back", came, now, now},
		{"comes back first", came, now + 1, now},
		{"and is answered", answered, now + 1, now + 1},
		{"comes back and was given up", came, now + 2, now + 1},
		{"the next is answered", answered, now + 3, now + 1},
		{"and comes back", came, now + 3, now + 3},
	} {
		step.do(step.sent)
		if got := l.proven.Load(); got != step.proven || !l.trusted() != (step.proven == 0) {
			t.Errorf("%s: proven %d, trusted %v, want %d", step.what, got-now, l.trusted(), step.proven-now)
		}
	}
	l.proven.Store(now - int64(trustFor))
	if l.trusted() {
		t.Error("a proof holds for ever")
	}
}

// Another address of the master ends the links there are, once.
func TestSwitches(t *testing.T) {
	s := newScript(t)
	var ended []error
	s.link.end = func(err error) { ended = append(ended, err) }
	s.r.linkUp(s.link)
	h := &switches{r: s.r}
	for _, step := range []struct {
		addr string
		ends bool
	}{{"a:1", false}, {"a:1", false}, {"b:1", true}, {"b:1", false}, {"", false}, {"b:1", false}, {"a:1", true}} {
		ended = nil
		dial := h.DialHook(func(context.Context, string, string) (net.Conn, error) {
			if step.addr == "" {
				return nil, errors.New("nobody is there")
			}
			return dialled{addr: step.addr}, nil
		})
		c, err := dial(t.Context(), "tcp", "FailoverClient")
		if (c == nil) != (step.addr == "") || (err == nil) != (step.addr != "") || step.ends != (len(ended) == 1 && ended[0] == errMoved) {
			t.Errorf("%s: %v, %v, the link is ended with %v", step.addr, c, err, ended)
		}
	}
}

// dialled is a connection of which nothing matters but where it leads.
type dialled struct {
	net.Conn
	addr string
}

func (d dialled) RemoteAddr() net.Addr { return d }
func (d dialled) Network() string      { return "tcp" }
func (d dialled) String() string       { return d.addr }

// What is pushed while a read is under way and is too much to be held is read again.
func TestFollowHoldsLittle(t *testing.T) {
	s := watched(t)
	s.push("M36 3\n%s", blobs("c"))
	a := s.asked()
	large := strings.Repeat("x", heldBytes/2)
	for i := range 3 {
		s.push("M36 %d\n%s", 4+i, blobs(large))
	}
	if held := s.rooms["r"].heldN; held > heldBytes {
		t.Errorf("%d bytes are held", held)
	}
	s.answer(a, place{36, 3}, 1, 1, stored(36, 1, "a"), stored(36, 2, "b"), stored(36, 3, "c"))
	s.heard("deliver 10/2-2", "deliver 10/3-3")
	s.answer(s.asked(), place{36, 6}, 1, 1, stored(36, 3, "c"), stored(36, 4, large), stored(36, 5, large), stored(36, 6, large))
	s.heard("deliver 10/4-4", "deliver 10/5-5", "deliver 10/6-6")
	s.quiet()
}

// Who came while a read is under way is in it or not: the version tells.
func TestFollowPresenceDuringRead(t *testing.T) {
	s := newScript(t)
	s.wanted(true)
	s.confirmed()
	s.push("P1 1\n+alice") // the read has her
	s.push("P2 2\n+bob")   // not him
	s.answer(s.asked(), place{36, 0}, 1, 1)
	s.heard("presence 1 [] [] []", "watching 10/0 0", "presence 1 [] [] [alice]", "presence 2 [bob] [] []")
	s.push("M36 2\n%s", blobs("b"))
	s.push("P3 1\n-alice")
	s.answer(s.asked(), place{36, 2}, 2, 2, stored(36, 1, "a", "b"))
	s.heard("deliver 10/1-2", "presence 1 [] [alice] []")
	s.push("P3 1\n=bob")
	s.push("P3 1\n") // more names than anybody reads, and they changed nothing
	s.push("P5 3\n+dora")
	s.heard("presence 1 [] [] [bob]", "presence 1 [] [] []", "presence 3 [] [] []")
	s.quiet()
}

// A log that differs begins one new epoch, also when the room is left and entered again meanwhile.
func TestFollowDivergence(t *testing.T) {
	for _, toggled := range []bool{false, true} {
		s := watched(t)
		s.push("M36 2\n%s", blobs("b"))
		s.heard("deliver 10/2-2")
		s.push("M36 4\n%s", blobs("d"))
		s.answer(s.asked(), place{36, 4}, 1, 1, stored(36, 1, "a", "not b"), stored(36, 3, "c"), stored(36, 4, "d"))
		s.heard()
		a := s.asked()
		if a.diverged != 36 {
			t.Errorf("%+v is read", a)
		}
		if toggled {
			s.wanted(false)
			s.wanted(true)
		}
		s.answer(a, place{40, 1}, 1, 1, stored(40, 1, "A"))
		if toggled {
			s.heard()
			s.answer(s.asked(), place{40, 1}, 1, 1, stored(40, 1, "A"))
			s.heard("presence 1 [] [] []", "watching 14/1 1")
		} else {
			s.heard("reset 14", "deliver 14/1-1")
		}
		s.push("M40 3\n%s", blobs("C"))
		if a := s.asked(); a.diverged != 0 || a.tail {
			t.Errorf("toggled %v: %+v is read afterwards", toggled, a)
		}
	}
}

// A read that fails is sent again, and nothing that was pushed meanwhile is lost.
func TestFollowFailedRead(t *testing.T) {
	s := watched(t)
	s.push("M36 3\n%s", blobs("c"))
	s.take(&pageRead{ask: s.asked(), err: redis.ErrClosed})
	s.push("M36 4\n%s", blobs("d"))
	s.quiet()
	s.tick(s.retries[0].due)
	s.answer(s.asked(), place{36, 3}, 1, 1, stored(36, 1, "a"), stored(36, 2, "b", "c"))
	s.heard("deliver 10/2-3", "deliver 10/4-4")
	if len(s.retries) != 0 {
		t.Error("it is to be sent once more")
	}
}

// What has expired is answered before what comes after it, though that may be answered from another goroutine.
func TestOutboxAnswersInOrder(t *testing.T) {
	r := newScript(t).r
	q := r.outbox
	var answered []string
	publish := func(name string) {
		q.publish("r", []wire.Message{{Client: "a"}}, func([]Accepted) { answered = append(answered, name) })
	}
	q.publish("r", []wire.Message{{Client: "a"}}, func(a []Accepted) {
		if a[0].Err == nil {
			t.Error("it was not refused")
		}
		publish("third")
		if rooms := q.take(); len(rooms) != 0 {
			t.Error("the room can be sent for while its answers are given")
			q.give(rooms)
		}
		answered = append(answered, "first")
	})
	publish("second")
	late := q.rooms["r"].queue[1].deadline
	q.expire(late, errAway) // the second is not late yet
	if !slices.Equal(answered, []string{"first"}) {
		t.Errorf("%v are answered", answered)
	}
	rooms := q.take()
	if len(rooms) != 1 || rooms[0].batch.n != 2 {
		t.Fatalf("%d rooms can be sent for", len(rooms))
	}
	q.settle(rooms[0], make([]Accepted, 2))
	q.give(rooms)
	if !slices.Equal(answered, []string{"first", "second", "third"}) || len(q.rooms) != 0 || q.bytes != 0 {
		t.Errorf("%v are answered, %d rooms and %d bytes are left", answered, len(q.rooms), q.bytes)
	}
}
