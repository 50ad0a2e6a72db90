package broker

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"hubbub/wire"
)

// Members implements Presence.
func (r *Redis) Members(ctx context.Context, room string, limit int) (count int, list []wire.Member, err error) {
	var answer []any
	done, err := r.question(ctx)
	if err == nil {
		answer, err = membersScript.Run(ctx, r.client, []string{r.keys.of(room, "who")}, limit).Slice()
		done()
	}
	if err != nil || len(answer)%2 != 1 {
		r.complain("asking who is in a room", cmp.Or(err, errCorrupt))
		return 0, nil, &wire.Error{Code: wire.Unavailable, Message: "who is in the room cannot be had at the moment: try again", RetryAfter: 1}
	}
	n, _ := answer[0].(int64)
	for i := 1; i < len(answer); i += 2 {
		client, _ := answer[i].(string)
		text, _ := answer[i+1].(string)
		connections, _ := strconv.Atoi(text)
		list = append(list, wire.Member{Client: client, Connections: connections})
	}
	slices.SortFunc(list, func(a, b wire.Member) int { return strings.Compare(a.Client, b.Client) })
	return int(n), list[:min(len(list), limit)], nil
}

// presencePush is what a room's channel brought of its members.
type presencePush struct {
	version uint64
	change  PresenceChange
}

func parsePresence(text string) (p presencePush, err error) {
	version, count, names, ok := cutNumbers(text)
	if !ok {
		return p, errCorrupt
	}
	if p.version, err = strconv.ParseUint(version, 10, 64); err != nil {
		return p, errCorrupt
	}
	p.change.Count = int(count)
	if names == "" {
		return p, nil
	}
	for word := range strings.SplitSeq(names, "\x00") {
		if len(word) < 2 {
			return p, errCorrupt
		}
		name := word[1:]
		switch word[0] {
		case '+':
			p.change.Joined = append(p.change.Joined, name)
		case '-':
			p.change.Left = append(p.change.Left, name)
		default:
			p.change.Known = append(p.change.Known, name)
		}
	}
	return p, nil
}

// presence tells the sink what a room's channel brought of its members.
func (f *follower) presence(r *followed, p presencePush) {
	if f.who == nil || r.owed {
		return
	}
	c := p.change
	switch {
	case p.version == r.version+1 && (c.Joined != nil || c.Left != nil):
	case p.version <= r.version: // a read had it already; but who came or went here wants to hear that it is known
		c.Known = slices.Concat(c.Known, c.Joined, c.Left)
		c.Joined, c.Left, c.Count = nil, nil, r.members
	default:
		c = PresenceChange{Count: c.Count}
	}
	r.version, r.members = max(r.version, p.version), c.Count
	f.who.Presence(r.name, c)
}

// membersRead tells the sink how many are in a room, if that has changed unheard.
func (f *follower) membersRead(r *followed, p *pageRead, first bool) {
	if f.who != nil && (first || p.version != r.version) {
		r.version, r.members = p.version, p.members
		f.who.Presence(r.name, PresenceChange{Count: p.members})
	}
}
