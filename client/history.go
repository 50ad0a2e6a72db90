package client

import (
	"hubbub/broker"
	"hubbub/wire"
)

// pageBytes is where a page of history ends early.
const pageBytes = 256 << 10

// history answers a page of what a room keeps.
func (c *Client) history(ps *pass, cmd *wire.Command) *wire.Error {
	page, err := c.page(cmd)
	if err != nil {
		return asError(err)
	}
	if cmd.Epoch != "" && cmd.Epoch != page.Epoch {
		return &wire.Error{Code: wire.BadRequest, Message: "the room's log has another epoch now: ask without epoch, before and after"}
	}
	out, mark := wire.Begin(ps.out)
	out = wire.AppendHistory(out, cmd.Ref, cmd.Room, page.Epoch, page.First, page.Last, page.Messages)
	ps.out = wire.End(out, mark, wire.OpText)
	return nil
}

// page reads forward from `after`, or what lies right before `before`, or the newest.
func (c *Client) page(cmd *wire.Command) (broker.Page, error) {
	if cmd.AfterOffset >= 0 {
		return c.peer.History(cmd.Room, wire.Position{Offset: uint64(cmd.AfterOffset)}, cmd.Limit)
	}
	page, err := c.peer.History(cmd.Room, wire.Position{}, 0)
	if err != nil || cmd.Limit == 0 {
		return page, err
	}
	before := page.Last + 1
	if cmd.Before >= 0 {
		before = min(before, uint64(cmd.Before))
	}
	at := wire.Position{Epoch: page.Epoch, Offset: max(before, uint64(cmd.Limit)+1) - 1 - uint64(cmd.Limit)}
	for at.Offset+1 < before {
		more, err := c.peer.History(cmd.Room, at, int(before-1-at.Offset))
		if err != nil {
			return page, err
		}
		if more.Epoch != page.Epoch || len(more.Messages) == 0 {
			break
		}
		for _, m := range more.Messages {
			if m.Offset < before {
				page.Messages = append(page.Messages, m)
			}
		}
		at.Offset = more.Messages[len(more.Messages)-1].Offset
	}
	page.Messages = newest(page.Messages)
	return page, nil
}

// newest is the end of a page that is not too large; one message at least.
func newest(all []*wire.Message) []*wire.Message {
	bytes, i := 0, len(all)
	for i > 0 && (i == len(all) || bytes+len(all[i-1].Payload) <= pageBytes) {
		i--
		bytes += len(all[i].Payload)
	}
	return all[i:]
}
