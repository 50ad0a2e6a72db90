package client

import (
	"hubbub/broker"
	"hubbub/hub"
	"hubbub/wire"
)

// enqueue gathers publishes of one room that came in one read. false: the connection ends.
func (c *Client) enqueue(ps *pass, room string, m wire.Message, ref wire.Ref) bool {
	if (ps.room != room || len(ps.msgs) >= batchMessages) && !c.publish(ps) {
		return false
	}
	ps.room = room
	ps.msgs = append(ps.msgs, m)
	ps.refs = append(ps.refs, ref)
	return true
}

// publish hands what was gathered to the broker, and waits before that while too much is unanswered, or a join of
// the room is under way: commands of one connection to one room take effect in their order. false: the connection ends.
func (c *Client) publish(ps *pass) bool {
	if len(ps.msgs) == 0 {
		return true
	}
	room, msgs, refs := ps.room, ps.msgs, ps.refs
	ps.msgs, ps.refs = nil, nil // the broker keeps them
	c.send(ps)
	if !c.peer.Await(func(l hub.Load) bool { return l.Light() && l.Settled(room) }) {
		return false
	}
	if c.peer.Dialect() == wire.Pipe {
		c.peer.Publish(room, msgs, c.pipeAnswered)
		return true
	}
	p := c.peer
	p.Publish(room, msgs, func(answers []broker.Accepted) {
		p.Post(func(out []byte) []byte { return appendAnswers(out, room, refs, answers) })
	})
	return true
}

// appendAnswers tells a publisher what became of its messages. Without a ref it hears of failures only.
func appendAnswers(out []byte, room string, refs []wire.Ref, answers []broker.Accepted) []byte {
	for i, a := range answers {
		if a.Err == nil && refs[i] == "" {
			continue
		}
		var mark int
		out, mark = wire.Begin(out)
		if a.Err != nil {
			out = wire.AppendError(out, refs[i], asError(a.Err))
		} else {
			out = wire.AppendPublished(out, refs[i], room, a.Position, a.Duplicate)
		}
		out = wire.End(out, mark, wire.OpText)
	}
	return out
}

// pipeAnswered closes a pipe whose publish was refused: it has no other way to tell.
func (c *Client) pipeAnswered(answers []broker.Accepted) {
	for _, a := range answers {
		if a.Err == nil {
			continue
		}
		switch err := asError(a.Err); err.Code {
		case wire.Unavailable, wire.RateLimited:
			c.peer.Close(wire.CloseOverloaded, err.Message)
		case wire.Forbidden:
			c.peer.Close(wire.CloseForbidden, err.Message)
		default:
			c.peer.Close(wire.CloseInternal, err.Message)
		}
	}
}
