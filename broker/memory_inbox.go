package broker

import (
	"sync"
	"time"

	"hubbub/wire"
)

const (
	// A batch ends with the publish that reaches one of these. It bounds how long mu is held, how long the first
	// of its publishers waits for the last, and how late a Watch is looked at.
	batchMessages = 512
	batchBytes    = 1 << 20

	// signalQueueBytes bounds the signals that wait. They are worth something for a moment only.
	signalQueueBytes = 4 << 20

	// commandBytes is what a command or a message costs in the queue beside its strings and its payload, so that
	// empty messages are bounded, too.
	commandBytes = 200

	// A buffer of more commands than this is not kept for the next burst.
	keptCommands = 4096
)

var (
	errQueueFull = &wire.Error{Code: wire.Unavailable, Message: "the hub has more to deliver than it can hold; retry with the same key", RetryAfter: 1}
	errStopped   = &wire.Error{Code: wire.Unavailable, Message: "this instance is stopping; retry elsewhere with the same key", RetryAfter: 1}
)

// command is one Publish or one Signal.
type command struct {
	signal  bool
	room    string
	msgs    []wire.Message
	done    func([]Accepted) // nil in a signal
	cost    int64            // in the inbox's bytes
	refused int              // that many messages are to be answered with err; msgs is nil, so that nothing is held for them
	err     *wire.Error      // only with refused

	deadline time.Time // when it is answered at the latest; Redis only
}

// level is the last thing that was said about watching a room.
type level struct {
	on    bool
	fresh bool // there was an off since Run looked last: who said on after it waits for another Watching
}

// inbox is what callers have asked for, in one order.
type inbox struct {
	wake  chan struct{} // callers and Run itself → Run; capacity 1, as a token only says "look"; never closed
	limit int64         // of bytes; immutable

	mu          sync.Mutex // guards what follows; held for a few lines
	commands    []command
	levels      map[string]level // of rooms about which something was said since Run looked last, so rooms bound it
	bytes       int64            // cost of publishes that Run has not finished, refused ones excepted
	signalBytes int64            // cost of signals, likewise
	stopped     bool             // Run takes nothing more
	late        refuser          // of what came after that

	// owned by Run's goroutine
	taken           []command // swapped out, still to be worked on
	buffer          []command // all of it, to be reused
	finished        int64     // cost of publishes that were worked on since the last take
	finishedSignals int64     // and of signals
}

// publish says whether there was room. A refusal goes through the same queue, as done must not be called from
// here and answers keep their order; what bounds them is that a publisher waits for its answers.
func (q *inbox) publish(room string, msgs []wire.Message, done func([]Accepted)) bool {
	c := command{room: room, msgs: msgs, done: done, cost: cost(msgs)}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.stopped:
		q.late.refuse(command{done: done, refused: len(msgs), err: errStopped})
		return false
	case q.bytes > 0 && q.bytes+c.cost > q.limit:
		c = command{done: done, refused: len(msgs), err: errQueueFull}
	default:
		q.bytes += c.cost
	}
	q.commands = append(q.commands, c)
	q.poke()
	return c.refused == 0
}

func (q *inbox) signal(room string, msg wire.Message) bool {
	c := command{signal: true, room: room, msgs: []wire.Message{msg}}
	c.cost = cost(c.msgs)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || q.signalBytes+c.cost > signalQueueBytes {
		return false
	}
	q.signalBytes += c.cost
	q.commands = append(q.commands, c)
	q.poke()
	return true
}

func (q *inbox) watch(room string, on bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	if q.levels == nil {
		q.levels = make(map[string]level)
	}
	q.levels[room] = level{on: on, fresh: !on || q.levels[room].fresh}
	q.poke()
}

func (q *inbox) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives Run's goroutine the levels that were set and the next batch of commands, and
// frees what the batches before cost. A batch is valid until finish.
func (q *inbox) take() (levels map[string]level, batch []command) {
	q.mu.Lock()
	q.bytes -= q.finished
	q.signalBytes -= q.finishedSignals
	levels, q.levels = q.levels, nil
	if len(q.taken) == 0 {
		q.taken, q.commands = q.commands, q.buffer[:0]
		q.buffer = q.taken
		if cap(q.commands) > keptCommands {
			q.commands = nil
		}
	}
	q.mu.Unlock()

	q.finished, q.finishedSignals = 0, 0
	n, messages, bytes := 0, 0, int64(0)
	for n < len(q.taken) && messages < batchMessages && bytes < batchBytes {
		messages += max(1, len(q.taken[n].msgs))
		bytes += q.taken[n].cost
		n++
	}
	return levels, q.taken[:n]
}

// finish lets go of a batch.
func (q *inbox) finish(batch []command) {
	for i := range batch {
		if c := &batch[i]; c.signal {
			q.finishedSignals += c.cost
		} else {
			q.finished += c.cost
		}
	}
	clear(batch)
	q.taken = q.taken[len(batch):]
}

// stop makes everything that comes from now on late.
func (q *inbox) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
}

// refuser answers what came when it was too late, in its order, from a goroutine that ends when there is no more: done must
// not be called from within Publish.
type refuser struct {
	mu       sync.Mutex // guards what follows
	late     []command
	refusing bool // the goroutine is there
}

func (r *refuser) refuse(c command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, c)
	if !r.refusing {
		r.refusing = true
		go r.run()
	}
}

func (r *refuser) run() {
	for {
		r.mu.Lock()
		late := r.late
		r.late = nil
		r.refusing = len(late) > 0
		r.mu.Unlock()
		if len(late) == 0 {
			return
		}
		for _, c := range late {
			c.done(refusals(nil, c))
		}
	}
}

// refusals appends the answers to a refused command to dst.
func refusals(dst []Accepted, c command) []Accepted {
	for range c.refused {
		dst = append(dst, Accepted{Err: c.err})
	}
	return dst
}

func cost(msgs []wire.Message) int64 {
	n := int64(commandBytes)
	for i := range msgs {
		m := &msgs[i]
		n += int64(commandBytes + len(m.Payload) + len(m.Client) + len(m.Key) + len(m.Except))
	}
	return n
}
