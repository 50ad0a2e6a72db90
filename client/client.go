// Package client is one connection, from its first byte to its last: it reads frames, does what they
// ask for, and closes. What it writes goes through its hub.Peer.
package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/hub"
	"hubbub/wire"
)

// Options are the settings of all connections; zero values mean the defaults.
type Options struct {
	Instance   string        // as welcome says it
	MaxMessage int64         // bytes of one message as it is sent, envelope included; 64 KiB
	MaxRooms   int           // as welcome says it; the hub enforces it; 128
	Ping       time.Duration // as welcome says it; the hub pings; 25 s
	Log        *slog.Logger  // slog.Default()
}

// Request is what a handshake asks for.
type Request struct {
	Client  string // who connects: a valid client id
	Dialect wire.Dialect

	// Pipe only:
	Room   string
	Last   int64          // the last n messages first; -1: not asked for
	After  *wire.Position // everything after this position; nil: not asked for
	NoEcho bool           // not what this connection publishes
}

// Clients is all connections of this instance.
type Clients struct {
	// immutable
	hub *hub.Hub
	o   Options

	draining atomic.Bool    // no reader reads any more
	cutting  atomic.Bool    // nobody lingers any more
	wg       sync.WaitGroup // opened and not ended

	mu     sync.Mutex // guards what follows
	all    map[*Client]struct{}
	closed bool // Open says no
}

// New makes an empty set of connections to h.
func New(h *hub.Hub, o Options) *Clients {
	if o.MaxMessage == 0 {
		o.MaxMessage = 64 << 10
	}
	if o.MaxRooms == 0 {
		o.MaxRooms = 128
	}
	if o.Ping == 0 {
		o.Ping = 25 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Clients{hub: h, o: o, all: map[*Client]struct{}{}}
}

// Client is one connection. All but its peer is owned by the goroutine that reads it.
type Client struct {
	clients *Clients
	peer    *hub.Peer
	room    string // pipe
	noEcho  bool   // pipe
	conn    hub.Conn
	in      reader
	bad     int // malformed commands in a row

	code      wire.CloseCode // how the connection ended, once lingering
	lingering int            // after the close frame: how many bytes are still read away
}

// stopping answers who comes while the instance goes.
var errStopping = &wire.Error{
	Code: wire.Unavailable, RetryAfter: 1,
	Message: "this instance is restarting: connect again, it will be another one",
}

// Open counts the connection, before its upgrade. A pipe has joined its room when Open returns; that may take up to 5 s. The error is a
// *wire.Error: Unavailable (the room's log cannot be had, or the instance is stopping), Forbidden (somebody else's inbox). After Open either
// Serve or Abandon has to be called, once.
func (s *Clients) Open(ctx context.Context, r Request) (*Client, error) {
	if r.Dialect == wire.Pipe {
		if err := mayRead(r.Client, r.Room); err != nil {
			return nil, err
		}
	}
	c := &Client{clients: s, room: r.Room, noEcho: r.NoEcho}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errStopping
	}
	c.peer = s.hub.NewPeer(r.Client, r.Dialect)
	s.all[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()

	switch r.Dialect {
	case wire.Pipe:
		if err := c.peer.JoinNow(ctx, hub.JoinOptions{Room: r.Room, Last: r.Last, After: r.After}); err != nil {
			c.Abandon()
			return nil, err
		}
	case wire.JSON:
		c.peer.Post(c.welcome)
	}
	return c, nil
}

// welcome is the first frame of the JSON dialect.
func (c *Client) welcome(out []byte) []byte {
	o := &c.clients.o
	out, mark := wire.Begin(out)
	out = wire.AppendWelcome(out, wire.Welcome{
		Client: c.peer.Client(), Connection: c.peer.ID(), Instance: o.Instance,
		Ping: int(o.Ping.Seconds()), Message: o.MaxMessage, Rooms: o.MaxRooms,
	})
	return wire.End(out, mark, wire.OpText)
}

// Abandon takes back an Open whose upgrade failed.
func (c *Client) Abandon() { c.end(closeLost) }

// end stops counting the connection.
func (c *Client) end(code wire.CloseCode) {
	c.peer.End(code)
	c.clients.mu.Lock()
	delete(c.clients.all, c)
	c.clients.mu.Unlock()
	c.clients.wg.Done()
}

// mayRead says whether client may read the room: join it, or ask for its history or members.
func mayRead(client, room string) *wire.Error {
	if owner, ok := wire.InboxOwner(room); ok && owner != client {
		return &wire.Error{Code: wire.Forbidden, Message: "this is somebody else's inbox: only its owner may read it"}
	}
	return nil
}

// mayPublish says whether a client may publish or signal to the room.
func mayPublish(room string) *wire.Error {
	if wire.Reserved(room) {
		return &wire.Error{Code: wire.Forbidden, Message: "rooms whose names begin with $ are the hub's own: publish to another"}
	}
	return nil
}

// asError makes err one that a client may see.
func asError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return &wire.Error{Code: wire.Unavailable, Message: "the room's log cannot be had at the moment: try again", RetryAfter: 1}
}

// snapshot is everybody who is connected now.
func (s *Clients) snapshot() []*Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Client, 0, len(s.all))
	for c := range s.all {
		list = append(list, c)
	}
	return list
}
