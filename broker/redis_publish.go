package broker

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/wire"
)

const (
	// publishWait is how long a publish may wait for Redis before it is answered with Unavailable.
	publishWait = 5 * time.Second
	// publishers is how many exchanges with Redis may be under way at once, each for many rooms. More would make batches smaller.
	publishers = 2
	// publishRooms is how many rooms one exchange serves.
	publishRooms = 256
	// A batch of a room ends with the publish that reaches one of these.
	outMessages = 512
	outBytes    = 256 << 10
	// retryPublish is how long after an exchange that failed the next one is tried.
	retryPublish = 50 * time.Millisecond
	// expireEvery is how often what waits is looked at for its deadline.
	expireEvery = 250 * time.Millisecond
)

var errAway = &wire.Error{Code: wire.Unavailable, Message: "the message could not be stored in time, or it is not known whether it was; retry with the same key", RetryAfter: 1}

// outbox is what is to be published. Each room has at most one batch in flight: what comes meanwhile is the next one. So rooms
// batch by themselves the more there is to do, and keep their order.
type outbox struct {
	r     *Redis
	limit int64         // of bytes; immutable
	wake  chan struct{} // callers and workers → workers; capacity 1, as a token only says "look"; never closed

	mu          sync.Mutex           // guards what follows; held for a few lines
	rooms       map[string]*outgoing // with something to send, or in flight
	ready       []*outgoing          // with something to send, and nothing in flight
	numbers     uint64               // of batches, over all rooms
	bytes       int64                // cost of publishes without an answer, refused ones excepted
	signalBytes int64
	stopped     bool
	late        refuser
}

// outgoing is one room's queue.
type outgoing struct {
	room  string    // immutable
	queue []command // guarded by outbox.mu
	batch *batch    // to be sent, or sent without an answer; owned by the worker that has taken the room, else guarded by outbox.mu
}

func newOutbox(r *Redis, limit int64) *outbox {
	return &outbox{r: r, limit: limit, wake: make(chan struct{}, 1), rooms: make(map[string]*outgoing)}
}

// publish says whether there was room. A refusal takes its turn in the room's queue.
func (q *outbox) publish(room string, msgs []wire.Message, done func([]Accepted)) bool {
	c := command{room: room, msgs: msgs, done: done, cost: cost(msgs), deadline: time.Now().Add(publishWait)}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.stopped:
		q.late.refuse(command{done: done, refused: len(msgs), err: errStopped})
		return false
	case q.bytes > 0 && q.bytes+c.cost > q.limit:
		c = command{done: done, refused: len(msgs), err: errQueueFull, deadline: c.deadline}
	default:
		q.bytes += c.cost
	}
	q.addLocked(room, c)
	return c.refused == 0
}

func (q *outbox) signal(room string, msg wire.Message) bool {
	c := command{signal: true, room: room, msgs: []wire.Message{msg}, deadline: time.Now().Add(publishWait)}
	c.cost = cost(c.msgs)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || q.signalBytes+c.cost > signalQueueBytes {
		return false
	}
	q.signalBytes += c.cost
	q.addLocked(room, c)
	return true
}

func (q *outbox) addLocked(room string, c command) {
	o := q.rooms[room]
	if o == nil {
		o = &outgoing{room: room}
		q.rooms[room] = o
		q.ready = append(q.ready, o)
	}
	o.queue = append(o.queue, c)
	q.poke()
}

func (q *outbox) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives a worker rooms to send for, each with its batch.
func (q *outbox) take() []*outgoing {
	q.mu.Lock()
	n := min(len(q.ready), publishRooms)
	taken := make([]*outgoing, n)
	copy(taken, q.ready)
	q.ready = append(q.ready[:0], q.ready[n:]...)
	for _, o := range taken {
		if o.batch == nil {
			o.batch = q.cutLocked(o)
		}
	}
	if len(q.ready) > 0 {
		q.poke()
	}
	q.mu.Unlock()
	return taken
}

// cutLocked takes a batch off a room's queue. After stop that is all of it, to be refused.
func (q *outbox) cutLocked(o *outgoing) *batch {
	b := &batch{deadline: o.queue[0].deadline}
	bytes, i := int64(0), 0
	for ; i < len(o.queue) && (q.stopped || b.n < outMessages && bytes < outBytes); i++ {
		c := &o.queue[i]
		if q.stopped {
			q.refuseLocked(c, errStopped)
		}
		if !c.signal && b.signals > 0 {
			break // a publish behind a signal is heard behind it
		}
		if c.signal {
			b.signals++
		} else {
			b.n += len(c.msgs)
		}
		bytes += c.cost
	}
	b.commands = o.queue[:i:i]
	if o.queue = o.queue[i:]; len(o.queue) == 0 {
		o.queue = nil
	}
	q.numbers++
	b.number = q.numbers
	return b
}

// refuseLocked makes a publish one that is answered with an error. Nothing is held for it any more.
func (q *outbox) refuseLocked(c *command, err *wire.Error) {
	if c.signal || c.refused > 0 {
		return
	}
	q.r.stats.refused.Add(uint64(len(c.msgs)))
	q.bytes -= c.cost
	c.refused, c.err, c.msgs, c.cost = len(c.msgs), err, nil, 0
}

// give takes rooms back.
func (q *outbox) give(rooms []*outgoing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range rooms {
		switch {
		case o.batch != nil || len(o.queue) > 0:
			q.ready = append(q.ready, o)
		default:
			delete(q.rooms, o.room)
		}
	}
	if len(q.ready) > 0 {
		q.poke()
	}
}

// run sends until ctx ends, and blocks.
func (q *outbox) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range publishers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-q.wake:
				}
				for rooms := q.take(); len(rooms) > 0; rooms = q.take() {
					failed := q.send(ctx, rooms)
					q.give(rooms)
					if failed && !pause(ctx, retryPublish) {
						return
					}
				}
			}
		})
	}
	workers.Go(func() {
		for pause(ctx, expireEvery) {
			q.expire(time.Now(), errAway)
		}
	})
	workers.Wait()
	q.expire(time.Now().Add(time.Hour), errAway)
}

// expire answers what waits for too long and is not with a worker. Like a worker it keeps the rooms until it has answered: nothing of
// theirs is sent, and answered, meanwhile.
func (q *outbox) expire(now time.Time, err *wire.Error) {
	var expired []command
	var rooms []*outgoing
	q.mu.Lock()
	q.ready = slices.DeleteFunc(q.ready, func(o *outgoing) bool {
		n := len(expired)
		if b := o.batch; b != nil && now.After(b.deadline) {
			expired = append(expired, b.commands...)
			o.batch = nil
		}
		for o.batch == nil && len(o.queue) > 0 && now.After(o.queue[0].deadline) {
			expired = append(expired, o.queue[0])
			o.queue = o.queue[1:]
		}
		if len(expired) == n {
			return false
		}
		rooms = append(rooms, o)
		return true
	})
	for i := range expired {
		q.refuseLocked(&expired[i], err)
	}
	q.mu.Unlock()
	q.answer(expired, nil)
	q.give(rooms)
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stop refuses what comes from now on, and what waits without having been sent, in its turn.
func (q *outbox) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
}

// idle says whether nothing is in flight.
func (q *outbox) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.rooms) == 0
}

// send sends the batches of some rooms and answers what can be answered. failed: there is something to be tried again.
func (q *outbox) send(ctx context.Context, rooms []*outgoing) (failed bool) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	err := q.r.exchange(ctx, rooms)
	loaded := redis.HasErrorPrefix(err, "NOSCRIPT") // it is to be sent again, at once
	now := time.Now()
	for _, o := range rooms {
		b := o.batch
		if b.n == 0 {
			if err != nil { // signals are as lost as the connection
				q.r.stats.signalsDropped.Add(uint64(b.signals))
			}
			q.settle(o, nil)
			continue
		}
		answers, bad := q.r.answers(b)
		switch {
		case bad == nil:
			q.r.seen.saw(o.room, b.last)
			q.settle(o, answers)
		case now.After(b.deadline):
			q.r.complain("publishing", bad)
			q.mu.Lock()
			for i := range b.commands {
				q.refuseLocked(&b.commands[i], errAway)
			}
			q.mu.Unlock()
			q.settle(o, nil)
		default:
			if !loaded || !redis.HasErrorPrefix(bad, "NOSCRIPT") {
				q.r.complain("publishing", cmp.Or(err, bad))
				failed = true
			}
			b.sent = true
		}
	}
	return failed
}

// settle answers a batch, which is over then.
func (q *outbox) settle(o *outgoing, answers []Accepted) {
	commands := o.batch.commands
	o.batch = nil
	q.answer(commands, answers)
}

// answer answers commands; those that were refused have their own answer.
func (q *outbox) answer(commands []command, answers []Accepted) {
	var freed, freedSignals int64
	for i := range commands {
		switch c := &commands[i]; {
		case c.signal:
			freedSignals += c.cost
		case c.refused > 0:
			c.done(refusals(nil, *c))
		default:
			n := len(c.msgs)
			freed += c.cost
			c.done(answers[:n:n])
			answers = answers[n:]
		}
	}
	q.mu.Lock()
	q.bytes -= freed
	q.signalBytes -= freedSignals
	q.mu.Unlock()
}
