package client

import (
	"hubbub/hub"
	"hubbub/wire"
)

// command does what one frame of the JSON dialect asks for.
func (c *Client) command(ps *pass, text []byte) *end {
	cmd, err := wire.Decode(text)
	if err != nil && err.Code == wire.BadRequest {
		if c.bad++; c.bad >= maxBad {
			return &end{wire.CloseMalformed, "too many malformed commands in a row"}
		}
	} else {
		c.bad = 0
	}
	if err == nil {
		err = c.do(ps, &cmd)
	}
	if err == errEnding {
		return &end{}
	}
	if err != nil {
		ps.fail(cmd.Ref, err)
	}
	return nil
}

// errEnding stands for a connection that ended while a command waited for its turn; nobody hears it.
var errEnding = &wire.Error{Code: wire.Internal, Message: "the connection is ending"}

// do carries out a command; an error goes back to the client.
func (c *Client) do(ps *pass, cmd *wire.Command) *wire.Error {
	switch cmd.Type {
	case wire.CmdPing:
		out, mark := wire.Begin(ps.out)
		ps.out = wire.End(wire.AppendPong(out, cmd.Ref, ps.now), mark, wire.OpText)
		return nil
	case wire.CmdAuth:
		return &wire.Error{Code: wire.UnknownType, Message: "this hub asks for no token: leave auth out"}
	case wire.CmdPublish, wire.CmdSignal:
		if err := mayPublish(cmd.Room); err != nil {
			return err
		}
	case wire.CmdJoin, wire.CmdHistory, wire.CmdMembers:
		if err := mayRead(c.peer.Client(), cmd.Room); err != nil {
			return err
		}
	}
	m := wire.Message{Time: ps.now, Client: c.peer.Client(), Key: cmd.Key, Kind: cmd.Kind, Payload: cmd.Payload}
	if cmd.Type == wire.CmdPublish {
		if cmd.NoEcho {
			m.Except = c.peer.ID()
		}
		if !c.enqueue(ps, cmd.Room, m, cmd.Ref) {
			return errEnding
		}
		return nil
	}
	// What was published before comes first.
	if !c.publish(ps) || !c.settle(ps, cmd) {
		return errEnding
	}
	switch cmd.Type {
	case wire.CmdJoin:
		c.join(cmd)
	case wire.CmdLeave:
		c.peer.Leave(cmd.Ref, cmd.Room)
	case wire.CmdMembers:
		c.peer.Members(cmd.Ref, cmd.Room)
	case wire.CmdSignal:
		m.Except = c.peer.ID()
		c.peer.Signal(cmd.Room, m)
	case wire.CmdHistory:
		return c.history(ps, cmd)
	}
	return nil
}

// settle waits until the command may take effect. A join, a leave and a history look at where the log ends, so they
// wait for the answers to all that this connection has published.
func (c *Client) settle(ps *pass, cmd *wire.Command) bool {
	looks := cmd.Type == wire.CmdJoin || cmd.Type == wire.CmdLeave || cmd.Type == wire.CmdHistory
	ready := func(l hub.Load) bool {
		return l.Light() && l.Settled(cmd.Room) && (!looks || l.Unanswered == 0)
	}
	c.send(ps)
	return c.peer.Await(ready)
}

func (c *Client) join(cmd *wire.Command) {
	o := hub.JoinOptions{Ref: cmd.Ref, Room: cmd.Room, Last: cmd.Last, Presence: cmd.Presence, HasPresence: cmd.HasPresence}
	if cmd.HasAfter {
		after := cmd.After
		o.After = &after
	}
	c.peer.Join(o)
}

// fail appends an error.
func (ps *pass) fail(ref wire.Ref, err *wire.Error) {
	out, mark := wire.Begin(ps.out)
	ps.out = wire.End(wire.AppendError(out, ref, err), mark, wire.OpText)
}
