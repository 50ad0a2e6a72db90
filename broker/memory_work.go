package broker

import (
	"context"
	"time"

	"hubbub/wire"
)

const (
	// tailBytes is how much of what is kept goes along with Watching: more than a client that was away for a
	// moment lacks, and little enough to be handed to the hub at once. The rest is History's.
	tailBytes = 1 << 20
	// pageBytes bounds what History answers.
	pageBytes = 256 << 10
)

// step is one call of the sink: a run to deliver, or one signal.
type step struct {
	room   *memoryRoom
	signal bool
	run    []*wire.Message
}

// work does one batch and says whether there was anything to do. First all of the batch gets its place in the logs, then
// the sink hears of it, then the publishers: so History has whatever was answered, and a sink that blocks holds up the answers.
func (m *Memory) work(to Sink) bool {
	levels, batch := m.inbox.take()
	if len(levels) == 0 && len(batch) == 0 {
		return false
	}
	for room, l := range levels {
		m.watch(to, room, l)
	}
	m.number(batch)
	for i := range m.steps {
		s := &m.steps[i]
		s.room.step = 0
		if s.signal {
			to.Signal(s.room.name, *s.run[0])
		} else {
			to.Deliver(s.room.name, s.room.epochName, s.run)
		}
	}
	answers := m.answers
	for i := range batch {
		if c := &batch[i]; !c.signal {
			n := len(c.msgs) + c.refused
			c.done(answers[:n:n])
			answers = answers[n:]
		}
	}
	clear(m.steps)
	m.steps, m.answers = m.steps[:0], m.answers[:0]
	m.inbox.finish(batch)
	return true
}

// watch brings a room to the level that was asked for. The numbering goroutine itself reads the
// position and the tail, so that nothing can come between them and the next Deliver.
func (m *Memory) watch(to Sink, room string, l level) {
	r := m.rooms[room]
	switch {
	case !l.on && r != nil:
		r.watched = false
		m.mu.Lock()
		m.forget(r)
		m.mu.Unlock()
	case l.on && (r == nil || !r.watched || l.fresh):
		m.mu.Lock()
		r = m.room(room)
		m.mu.Unlock()
		r.watched = true
		to.Watching(room, r.position(r.last), messages(r.log.Tail(nil, tailBytes)))
	}
}

// number gives a batch its places and notes in steps and answers who is to hear what.
func (m *Memory) number(batch []command) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys.turn(time.Now())
	for i := range batch {
		switch c := &batch[i]; {
		case c.signal:
			if r := m.rooms[c.room]; r != nil && r.watched {
				m.steps = append(m.steps, step{room: r, signal: true, run: []*wire.Message{&c.msgs[0]}})
				r.step = 0 // what is published behind the signal is delivered behind it
			}
		case c.refused > 0:
			m.answers = refusals(m.answers, *c)
		default:
			m.store(c)
		}
	}
	m.forgetEmptied()
}

// store numbers and keeps what one Publish brought, duplicates excepted.
func (m *Memory) store(c *command) {
	r := m.rooms[c.room] // made only if something is stored in it
	var run *[]*wire.Message
	for i := range c.msgs {
		msg := &c.msgs[i] // the log's and the sink's from here on: nobody copies it
		var f fingerprint
		if msg.Key != "" {
			f = m.keys.fingerprint(c.room, msg.Client, msg.Key)
			if first, ok := m.keys.find(f); ok {
				m.answers = append(m.answers, Accepted{
					Position:  wire.Position{Epoch: first.epoch.String(), Offset: first.offset},
					Duplicate: true,
				})
				continue
			}
		}
		if r == nil {
			r = m.room(c.room)
		}
		r.last++
		msg.Offset = r.last
		if msg.Key != "" {
			m.keys.add(f, place{r.epoch, r.last})
		}
		m.logs.Append(&r.log, memoryEntry{msg})
		m.answers = append(m.answers, Accepted{Position: r.position(r.last)})
		if !r.watched {
			continue
		}
		if run == nil {
			run = m.openRun(r, len(c.msgs))
		}
		*run = append(*run, msg)
	}
}

// openRun is the run that the sink gets next of the room: what several publishes of a batch bring goes in one.
func (m *Memory) openRun(r *memoryRoom, size int) *[]*wire.Message {
	if r.step == 0 {
		m.steps = append(m.steps, step{room: r, run: make([]*wire.Message, 0, size)})
		r.step = len(m.steps)
	}
	return &m.steps[r.step-1].run
}

// History implements Broker. It never waits for Run. A room that does not exist is empty, and in the epoch in which it would be made.
func (m *Memory) History(_ context.Context, room string, after wire.Position, limit int) (Page, error) {
	p, kept := m.page(room, after, limit)
	p.Messages = messages(kept)
	return p, nil
}

func (m *Memory) page(room string, after wire.Position, limit int) (p Page, kept []memoryEntry) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.rooms[room]
	if r == nil {
		return Page{Epoch: m.epoch.String(), First: 1}, nil
	}
	p = Page{Epoch: r.epochName, First: r.last + 1, Last: r.last}
	if first, _, ok := r.log.Bounds(); ok {
		p.First = uint64(first)
	}
	if limit <= 0 || after.Epoch != "" && after.Epoch != r.epochName || after.Offset >= r.last || p.First > p.Last {
		return p, nil
	}
	from := max(after.Offset+1, p.First)
	most := min(uint64(limit), p.Last-from+1, pageBytes/entryBytes+1)
	return p, r.log.Read(make([]memoryEntry, 0, most), int64(from), pageBytes)
}

func messages(kept []memoryEntry) []*wire.Message {
	if len(kept) == 0 {
		return nil
	}
	msgs := make([]*wire.Message, len(kept))
	for i := range kept {
		msgs[i] = kept[i].Message
	}
	return msgs
}
