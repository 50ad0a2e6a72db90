package load

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"hubbub/internal/load/dialect"
)

// share is what one client process does of a plan: the members whose number leaves a remainder of Index by Of.
type share struct {
	Plan  Plan
	Index int
	Of    int
}

// crowd is rooms full of members, some of which publish, all of which check what they get. Member i is in room i mod
// rooms, and the first publishers × rooms members publish. A crowd holds its share of them.
type crowd struct {
	*loop
	share
	d        *dialect.Dialect
	members  []*conn
	rooms    []room
	own      []int   // publishers that are here, by number
	restless []*conn // who come and go

	ready, joined int      // how many members are so far, now
	sent          []uint32 // messages by publisher; of those elsewhere only in the end
	hint          int      // see findStamp
	first         string   // the first message that meant nothing to us

	tally    Tally
	measured time.Duration // messages due from here on are in the figures; 0: none
	paid     int64         // deliveries that came since then
	total    tick          // what the ticks count up
	late     *hdrhistogram.Histogram
	behind   *hdrhistogram.Histogram // our own sending, in µs after it was due
	connects *hdrhistogram.Histogram // from when a connect was due to its end

	// watch is asked about every message of the members that are watched, before anything else, and says
	// whether it is one that the others' figures shall not count.
	watch func(c *conn, payload []byte, at time.Duration) (apart bool)
	// answer is told what is no delivery, and says whether it knew it.
	answer func(c *conn, payload []byte) bool
}

// room is a room as seen from here.
type room struct {
	letter  *letter
	own     []int      // its publishers that are here
	members int        // that are here
	slots   int        // of a closed loop's publications, how many are ours
	hears   int        // of those members, how many get what one of our publishers says
	sent    int        // by our publishers
	flight  []underWay // of those, what not everybody here has yet; kept by a closed loop alone
	epoch   string     // of its log, where there are logs
	base    int64      // the log's last offset when we joined
}

// underWay is a publication in a closed loop.
type underWay struct {
	publisher int
	number    uint32
	left      int // deliveries that have not come
}

func newCrowd(ctx context.Context, s share) (*crowd, error) {
	p := &s.Plan
	var to []endpoint
	for _, address := range p.URLs {
		e, err := resolve(ctx, address, &p.Dialect)
		if err != nil {
			return nil, err
		}
		to = append(to, e)
	}
	l, err := newLoop(to...)
	if err != nil {
		return nil, err
	}
	c := &crowd{
		loop: l, share: s, d: &s.Plan.Dialect, rooms: make([]room, p.Rooms), sent: make([]uint32, p.Rooms*p.Publishers),
		late: newHistogram(), behind: newHistogram(), connects: newHistogram(),
		watch: func(*conn, []byte, time.Duration) bool { return false }, answer: func(*conn, []byte) bool { return false },
	}
	c.tally.Errors, c.tally.Closes = map[string]int{}, l.closes
	l.address, l.onOpen, l.onMessage, l.onEnd = c.path, c.greet, c.frame, c.gone
	for i := s.Index; i < p.Sockets(); i += s.Of {
		c.populate(i)
	}
	for i := range c.rooms {
		r := &c.rooms[i]
		r.hears = r.members
		if !c.d.HearsItself() {
			r.hears--
		}
		if r.hears == 0 {
			r.own = nil // nobody here would tell when the next may follow
		}
		if p.Each > 0 && len(r.own) > 0 {
			r.slots = max(r.slots, 1) // all have something to say
		}
	}
	return c, nil
}

// populate makes member i.
func (c *crowd) populate(i int) {
	m := c.add(i)
	m.to = &c.to[i/c.Plan.Rooms%len(c.to)] // so that each room spans all instances
	m.seen = make([]sequence, c.Plan.Publishers)
	c.members = append(c.members, m)
	r := &c.rooms[i%c.Plan.Rooms]
	r.members++
	if i >= len(c.sent) {
		return
	}
	c.own = append(c.own, i)
	r.own = append(r.own, i)
	for slot := i / c.Plan.Rooms; slot < c.Plan.InFlight; slot += c.Plan.Publishers {
		r.slots++
	}
}

// member is the conn of a publisher that is here.
func (c *crowd) member(i int) *conn { return c.members[i/c.Of] }

// roomOf is the room of member i.
func (c *crowd) roomOf(i int) *room { return &c.rooms[i%c.Plan.Rooms] }

// room is the name of one.
func (c *crowd) room(i int) string { return c.Plan.Name + "-room-" + strconv.Itoa(i) }

func (c *crowd) client(i int) string { return c.Plan.Name + "-" + strconv.Itoa(i) }

func (c *crowd) path(m *conn) string {
	return dialect.Fill(m.to.path, url.QueryEscape(c.room(m.member%c.Plan.Rooms)), c.client(m.member))
}

// fill is a text of the dialect for a member.
func (c *crowd) fill(text string, m *conn) []byte {
	return []byte(dialect.Fill(text, c.room(m.member%c.Plan.Rooms), c.client(m.member)))
}

// letter is the message that is published to a room; it is made when it is first needed.
func (c *crowd) letter(i int) *letter {
	r := &c.rooms[i]
	if r.letter == nil {
		head, tail := c.d.Message(c.room(i))
		r.letter = newLetter(head, c.Plan.Size, tail)
	}
	return r.letter
}

// publish sends the next message of publisher p, which was due at a time.
func (c *crowd) publish(p int, due time.Duration) { c.publishBy(c.member(p), p, due) }

// publishBy sends it on whatever socket.
func (c *crowd) publishBy(m *conn, p int, due time.Duration) {
	c.send(m, c.letter(p%c.Plan.Rooms).stamped(stamp{publisher: uint32(p), number: c.sent[p], due: due}))
	c.sent[p]++
	c.roomOf(p).sent++
	c.tally.Sent++
}

// landed takes a delivery of one of our publications.
func (r *room) landed(p int, number uint32) {
	for i := range r.flight {
		f := &r.flight[i]
		if f.publisher != p || f.number != number {
			continue
		}
		if f.left--; f.left == 0 {
			r.flight = slices.Delete(r.flight, i, i+1)
		}
		return
	}
}

// hears is how many of the members here get what publisher p says.
func (c *crowd) hears(p int) int {
	r := c.roomOf(p)
	if p%c.Of == c.Index {
		return r.hears
	}
	return r.members
}

// newHistogram counts microseconds up to a minute, in three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// record notes a time; what is beyond the histogram's range is noted as its end.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue()))
}
