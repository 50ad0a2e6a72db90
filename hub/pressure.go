package hub

import "slices"

// Await blocks the reader until ok holds or the peer is closing, and says whether it may go on. ok is called under
// the peer's lock with its load; it must only look.
func (p *Peer) Await(ok func(Load) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.closing == 0 && !p.gone && !ok(Load{p.unanswered, p.unansweredBytes, len(p.out), p.moving}) {
		if p.waiter == nil {
			p.waiter = make(chan struct{}, 1)
		}
		p.paused = true
		p.mu.Unlock()
		<-p.waiter
		p.mu.Lock()
		p.paused = false
		p.Heard() // it could not be heard while nobody listened
	}
	return p.closing == 0 && !p.gone
}

// Load is what a peer has outstanding.
type Load struct {
	Unanswered      int // publishes and members
	UnansweredBytes int
	Out             int      // bytes of answers not yet written
	Moving          []string // rooms whose join or leave has no answer yet
}

// Light reports whether a reader may go on reading.
func (l Load) Light() bool {
	return l.Unanswered < 64 && len(l.Moving) < 64 && l.UnansweredBytes < 256<<10 && l.Out < answerBytes
}

// Settled reports whether no join or leave of the room is on its way: commands of one connection to one room take
// effect in their order.
func (l Load) Settled(room string) bool { return !slices.Contains(l.Moving, room) }

func (p *Peer) notifyLocked() {
	if p.waiter != nil {
		select {
		case p.waiter <- struct{}{}:
		default:
		}
	}
}

// account counts commands that wait for an answer.
func (p *Peer) account(n, bytes int) {
	p.mu.Lock()
	p.unanswered += n
	p.unansweredBytes += bytes
	p.notifyLocked()
	p.mu.Unlock()
	p.hub.unanswered.Add(int64(n))
}
