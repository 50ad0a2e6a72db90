package hub

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/wire"
)

// answerBytes is how many unsent bytes of answers a peer may have before its reader waits: then TCP
// holds the client back.
const answerBytes = 64 << 10

// Peer is the writing half of one connection: what the hub's shards, the reader's answers and the slow lane write through, and
// the cursors that say how far it has read in each of its rooms.
//
// A peer is in one of two lanes. In the fast lane its shard writes to it without blocking, and so may anyone who has an answer for it. What a
// socket does not take at once puts it into the slow lane: then one goroutine alone writes, and everyone else appends to out.
// A peer begins in the slow lane, without a goroutine, because it exists before its upgrade: Attach brings it to the fast one.
type Peer struct {
	// immutable
	hub     *Hub
	shard   *shard
	client  string
	id      string
	dialect wire.Dialect

	// owned by the hub's goroutine
	rooms   []*member // what it has joined
	joining int       // joins without an answer
	ended   bool

	sweepIndex int // owned by the shard

	heard atomic.Int64 // when the peer last sent anything: ns since the hub's start
	slow  atomic.Bool  // changed under mu; read without it where a stale answer is repaired by a mark

	mu       sync.Mutex // guards what follows and one non-blocking write; nobody waits while holding it
	conn     Conn       // nil until Attach
	out      []byte     // goes out before any room's messages; may begin in the middle of a frame
	flushing bool       // in the shard's list of peers whose out is to be written
	members  []*member  // the cursors; same order as joined
	turn     int        // slow lane: the member that is served next

	closing  wire.CloseCode // 0 until somebody closes
	reason   string
	linger   bool   // the farewell waits until all cursors are at the end
	farewell []byte // the close frame, once the reader has ended the peer
	said     bool   // the farewell is in out, nothing comes behind it
	sent     uint64 // bytes the slow lane has written
	gone     bool   // nothing is written any more

	// the reader's back-pressure, see Await
	unanswered      int // publishes and members without an answer
	unansweredBytes int
	moving          []string      // rooms whose join or leave has no answer yet
	waiter          chan struct{} // sender: whoever changes the above; receiver: the reader; capacity 1; never closed; nil until needed
	paused          bool          // the reader waits
}

// member is one peer in one room: a cursor.
type member struct {
	peer *Peer
	room *room
	view *view

	index    int  // in view.members; owned by the shard
	presence bool // owned by the shard
	stale    bool // missed a presence event: the next one carries the count alone; owned by the shard
	watcher  bool // presence as the hub's goroutine sees it

	// guarded by peer.mu
	cursor int64
	quiet  int64 // joined with last, and has got nothing yet: what is missing before this place is no gap
	left   bool
}

// NewPeer counts a connection of client and gives it its shard. It has no socket yet: Attach or End must follow.
func (h *Hub) NewPeer(client string, d wire.Dialect) *Peer {
	n := h.lastPeer.Add(1)
	p := &Peer{
		hub: h, shard: h.shards[n%uint64(len(h.shards))], client: client, dialect: d,
		id: h.life + strconv.FormatUint(n, 36),
	}
	p.slow.Store(true)
	h.stats.connections[d].Add(1)
	return p
}

// ID names the connection among all connections of all instances, also those of an earlier process with the same name: a log
// that outlived it may still say to whom a message must not go.
func (p *Peer) ID() string { return p.id }

// Client is who connected.
func (p *Peer) Client() string { return p.client }

// Dialect is what the connection speaks.
func (p *Peer) Dialect() wire.Dialect { return p.dialect }

// Heard notes that the peer has sent something. Only the reader calls it.
func (p *Peer) Heard() { p.heard.Store(p.hub.now()) }

// Attach gives the peer its socket: what waits in out is written, and the shard's pings begin. Only the reader calls it, once.
func (p *Peer) Attach(conn Conn) {
	p.Heard()
	p.mu.Lock()
	p.conn = conn
	p.mu.Unlock()
	p.shard.order(order{kind: orderAttach, peer: p})
	p.resume()
}

// Send writes frames, now if the socket takes them and the peer is in the fast lane. It never blocks. Any goroutine may call it.
func (p *Peer) Send(frames []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.farewell != nil || p.gone {
		return
	}
	p.appendOutLocked(frames)
	if !p.slow.Load() {
		p.flushLocked()
	}
}

// Post appends frames, built by build, to what goes out before the next messages; the shard writes them. It never blocks. Any goroutine
// may call it. It is for answers that come from elsewhere: many of them share one write, often with a message.
func (p *Peer) Post(build func(out []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.farewell != nil || p.gone {
		return
	}
	p.borrowOutLocked()
	if p.out = build(p.out); len(p.out) == 0 {
		p.clearOutLocked()
	}
	p.scheduleLocked()
}

// scheduleLocked asks the shard to write out.
func (p *Peer) scheduleLocked() {
	if !p.flushing && !p.slow.Load() && len(p.out) > 0 {
		p.flushing = true
		p.shard.flush(p)
	}
}

// flushLocked writes out. In the fast lane only.
func (p *Peer) flushLocked() {
	if len(p.out) == 0 {
		return
	}
	n, err := p.writeLocked(p.out)
	switch {
	case err != nil:
		p.failLocked()
	case n < len(p.out):
		p.out = append(p.out[:0], p.out[n:]...)
		p.goSlowLocked()
	default:
		p.clearOutLocked()
	}
}

// outBuffer is what out begins in: most peers have something to write for a moment only, and then none is held.
type outBuffer [512]byte

var outBuffers = sync.Pool{New: func() any { return new(outBuffer) }}

// appendOutLocked appends frames to what goes out before the next messages.
func (p *Peer) appendOutLocked(frames []byte) {
	p.borrowOutLocked()
	p.out = append(p.out, frames...)
}

func (p *Peer) borrowOutLocked() {
	if p.out == nil {
		p.out = outBuffers.Get().(*outBuffer)[:0]
	}
}

// clearOutLocked empties out and gives its buffer back.
func (p *Peer) clearOutLocked() {
	if cap(p.out) == len(outBuffer{}) {
		outBuffers.Put((*outBuffer)(p.out[:len(outBuffer{})]))
	}
	p.out = nil
	p.notifyLocked()
}

// writeLocked is the only place that writes to the socket.
func (p *Peer) writeLocked(b []byte) (int, error) {
	n, err := p.conn.TryWrite(b)
	if n > 0 {
		p.hub.stats.writes.Add(1)
		p.hub.stats.bytesOut.Add(uint64(n))
	}
	return n, err
}

// failLocked gives the peer up after a write error: the reader notices by itself, the socket being broken.
func (p *Peer) failLocked() {
	p.gone = true
	p.out = nil
	p.forgetLocked()
	p.notifyLocked()
	_ = p.conn.SetReadDeadline(past)
}

// forgetLocked gives up all cursors: nothing of any room follows.
func (p *Peer) forgetLocked() {
	for _, m := range p.members {
		m.left = true
	}
	p.members = nil
}

// past is a deadline that wakes a reader at once.
var past = time.Unix(1, 0)

// Close asks for the connection to be closed with a code. It waits for nothing: the reader wakes up, says the farewell and ends the
// peer. The first call counts. Any goroutine may call it.
func (p *Peer) Close(code wire.CloseCode, reason string) { p.close(code, reason, false) }

// CloseGently is Close behind everything that the peer's rooms have for it.
func (p *Peer) CloseGently(code wire.CloseCode, reason string) { p.close(code, reason, true) }

func (p *Peer) close(code wire.CloseCode, reason string, linger bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing != 0 {
		return
	}
	p.closing, p.reason, p.linger = code, reason, linger
	p.notifyLocked()
	if p.conn != nil {
		_ = p.conn.SetReadDeadline(past)
	}
}

// Closing says with which code somebody has asked to close, 0 if nobody has.
func (p *Peer) Closing() wire.CloseCode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

// Interrupt wakes the reader out of a Read or an Await.
func (p *Peer) Interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notifyLocked()
	if p.conn != nil {
		_ = p.conn.SetReadDeadline(past)
	}
}

// Farewell ends the writing half: code 0 without a word, CloseNoStatus with an empty close frame. The close frame goes out behind
// what is buffered, then FIN. It does not wait. Only the reader calls it, once.
func (p *Peer) Farewell(code wire.CloseCode, reason string) {
	p.mu.Lock()
	if p.closing != 0 {
		code, reason = p.closing, p.reason
	}
	p.closing = max(code, 1)
	if code == 0 || p.gone || p.conn == nil {
		p.gone = true
		p.out = nil
		p.forgetLocked()
		p.mu.Unlock()
		return
	}
	p.farewell = wire.AppendClose(nil, code, reason)
	if !p.linger {
		p.forgetLocked()
	}
	slow := p.slow.Load()
	p.slow.Store(true) // the shard keeps out from here on
	p.mu.Unlock()
	if !slow {
		p.resume()
	}
}

// Gone reports whether nothing will be written any more: the farewell is out, or writing has failed.
func (p *Peer) Gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// Drop ends all writing at once; the reader calls it before it closes the socket.
func (p *Peer) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.out = nil
	p.forgetLocked()
	p.notifyLocked()
}
