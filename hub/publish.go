package hub

import (
	"context"

	"hubbub/broker"
	"hubbub/wire"
)

// Publish hands messages of this peer to the broker, in their order. done is told once, never from within Publish, on the broker's
// goroutine, and must not block; until then the messages count as unanswered. It never blocks.
func (p *Peer) Publish(room string, m []wire.Message, done func([]broker.Accepted)) {
	n, bytes := len(m), 0
	for i := range m {
		bytes += len(m[i].Payload)
	}
	p.account(n, bytes)
	p.hub.o.Broker.Publish(room, m, func(answers []broker.Accepted) {
		refused := 0
		for i := range answers {
			if answers[i].Err != nil {
				refused++
			}
		}
		p.hub.stats.published.Add(uint64(n - refused))
		p.hub.stats.refused.Add(uint64(refused))
		done(answers)
		p.account(-n, -bytes)
	})
}

// Signal sends m to whoever is in the room now. It never blocks.
func (p *Peer) Signal(room string, m wire.Message) { p.hub.o.Broker.Signal(room, m) }

// History reads a page of a room's log. It blocks, five seconds at most.
func (p *Peer) History(room string, after wire.Position, limit int) (broker.Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), historyWait)
	defer cancel()
	return p.hub.o.Broker.History(ctx, room, after, limit)
}
