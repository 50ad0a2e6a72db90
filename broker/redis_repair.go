package broker

import (
	"slices"
	"time"

	"hubbub/wire"
)

// retryRead is how long after a read that failed the next one is sent.
const retryRead = 100 * time.Millisecond

// retry is a room to be read again.
type retry struct {
	r   *followed
	due time.Time
}

// ask has a room's log read: from where the sink is, inclusive, so that it shows whether the log is still the one
// that was delivered; or its end, when the sink waits for Watching. One read of a room is under way at a time.
func (f *follower) ask(r *followed) {
	if r.reading {
		r.again = true
		return
	}
	r.reading = true
	f.send(r)
}

func (f *follower) send(r *followed) {
	r.again = false
	a := ask{r: r, tail: r.owed}
	switch {
	case r.differs:
		a.diverged, a.from = r.at.epoch, (r.at.epoch+1).digits()+"-0"
	case !r.owed:
		a.from = idOf(r.at)
	}
	f.r.stats.reads.Add(1)
	f.r.reader.put(a)
}

func idOf(p place) string { return p.epoch.digits() + "-" + uintText(p.offset) }

// read takes what a read brought.
func (f *follower) read(e *pageRead) {
	r := e.r
	if f.rooms[r.name] != r {
		return
	}
	if e.err != nil {
		f.r.complain("reading a room's log", e.err)
		f.retries = append(f.retries, retry{r, time.Now().Add(retryRead)})
		return // it counts as under way until then
	}
	r.reading = false
	if !r.on || r.sub != subLive {
		r.held, r.heldN = nil, 0
		return // who wants it again asks again
	}
	more := r.again
	switch {
	case r.owed && e.tail:
		f.begin(r, e)
	case r.owed:
		more = true
	case e.tail: // what it was for is over
		more = true
	default:
		f.membersRead(r, e, false)
		more = f.mend(r, e) || more
	}
	if more {
		f.ask(r)
		return
	}
	held := r.held
	r.held, r.heldN = nil, 0
	for _, p := range held {
		switch {
		case p.kind != pushPresence && !r.at.before(p.at): // the read had it
		case r.reading: // one of them was not enough
			r.held, r.heldN = append(r.held, p), r.heldN+p.bytes
		default:
			f.apply(r, p)
		}
	}
}

// begin says Watching.
func (f *follower) begin(r *followed, e *pageRead) {
	var tail []*storedBatch
	for i := range e.batches {
		b, end := &e.batches[i], e.top
		if len(tail) > 0 {
			end.offset = tail[len(tail)-1].before()
		}
		if b.at != end {
			break // what is missing has been trimmed
		}
		tail = append(tail, b)
	}
	slices.Reverse(tail)
	r.owed, r.differs, r.at, r.seam, r.known = false, false, e.top, 0, e.top.offset
	f.r.seen.saw(r.name, e.top)
	msgs, last := f.messages(tail)
	if last != "" {
		r.seam = f.hash(last)
	}
	f.membersRead(r, e, true) // first, as the joins that wait for Watching are told how many are here
	f.to.Watching(r.name, e.top.position(), msgs)
}

// mend delivers what the sink lacks, across epochs, and says whether there is more to read.
func (f *follower) mend(r *followed, e *pageRead) (more bool) {
	diverged := r.differs
	r.differs = false
	for i := range e.batches {
		b := &e.batches[i]
		if b.at.epoch < r.at.epoch {
			continue
		}
		if b.at.epoch > r.at.epoch {
			f.reset(r, b.at.epoch)
		}
		run, last, err := batchOf(b.data, b.before())
		if err != nil {
			f.r.complain("the log of "+r.name, err)
			continue
		}
		if b.before() < r.at.offset {
			if !diverged && f.differs(r, b) {
				f.r.complain("room "+r.name, errDiverged)
				r.differs = true
				return true
			}
			run = run[min(r.at.offset-b.before(), uint64(len(run))):]
		}
		if len(run) > 0 {
			f.r.stats.repaired.Add(uint64(len(run)))
			f.deliver(r, b.at, run, last)
		}
	}
	f.r.seen.saw(r.name, e.top)
	if !e.complete {
		return true
	}
	if e.top.epoch > r.at.epoch {
		f.reset(r, e.top.epoch)
	}
	if r.at.before(e.top) && f.r.repairs() { // what lay between is not kept any more
		r.at, r.seam = e.top, 0
		f.to.Watching(r.name, e.top.position(), nil)
	}
	r.known = e.top.offset
	return false
}

// differs compares what was delivered last with what the log has in its place.
func (f *follower) differs(r *followed, b *storedBatch) bool {
	if r.seam == 0 || broken == "fence" {
		return false
	}
	rest, blob := b.data, ""
	for range r.at.offset - b.before() {
		_, after, err := cutBlob(rest)
		if err != nil {
			return false // it was said before
		}
		blob, rest = rest[:len(rest)-len(after)], after
	}
	return f.hash(blob) != r.seam
}

// reset tells the sink of a new epoch.
func (f *follower) reset(r *followed, e epoch) {
	r.at, r.seam, r.known = place{epoch: e}, 0, 0
	f.r.stats.resets.Add(1)
	f.to.Reset(r.name, r.at.position())
}

// messages are those of consecutive batches, and the last of them as it lies in Redis.
func (f *follower) messages(batches []*storedBatch) (all []*wire.Message, last string) {
	for _, b := range batches {
		run, end, err := batchOf(b.data, b.before())
		if err != nil {
			f.r.complain("a room's log", err)
			return nil, ""
		}
		all, last = append(all, run...), end
	}
	return all, last
}
