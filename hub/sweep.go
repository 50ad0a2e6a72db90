package hub

import "hubbub/wire"

// sweepParts is into how many parts a shard's pings are spread over an interval: no timer per connection, and no moment at which
// everybody is pinged. A peer's place in the sweep is its jitter.
const sweepParts = 100

var pingFrame = wire.AppendFrame(nil, wire.OpPing, nil)

// sweep pings the next part of the shard's peers, and gives up on those that have been silent for two intervals.
func (s *shard) sweep() {
	n := len(s.peers)
	s.sweepPart++
	to := s.sweepPart * n / sweepParts
	now := s.hub.now()
	for ; s.sweepAt < to; s.sweepAt++ { // from where the last one ended, so that who comes meanwhile pushes nobody out of the sweep
		s.peers[s.sweepAt].ping(now)
	}
	if s.sweepPart == sweepParts {
		s.sweepPart, s.sweepAt = 0, 0
	}
}

// ping asks the peer for a sign of life.
func (p *Peer) ping(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone || p.closing != 0:
	case !p.paused && now-p.heard.Load() > 2*p.hub.o.Ping.Nanoseconds():
		p.closing, p.reason = wire.CloseSilent, "no answer to pings"
		p.notifyLocked()
		_ = p.conn.SetReadDeadline(past)
	case len(p.out) < answerBytes:
		p.appendOutLocked(pingFrame)
		if !p.slow.Load() {
			p.flushLocked()
		}
	}
}
