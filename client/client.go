// Package client is one connection, from its first byte to its last.
package client

import (
	"context"

	"hubbub/hub"
	"hubbub/wire"
)

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
type Clients struct{ TODO *hub.Hub }

// Client is one connection.
type Client struct{}

// Open counts the connection, before its upgrade. A pipe has joined its room when Open returns; that may take up to 5 s. The error is a
// *wire.Error: Unavailable (the room's log cannot be had, or the instance is stopping), Forbidden (somebody else's inbox). After Open either
// Serve or Abandon has to be called, once.
func (c *Clients) Open(ctx context.Context, r Request) (*Client, error) { panic("TODO") }

// Serve reads the connection until it ends and closes it; it blocks, and is best called on a fresh goroutine, whose stack is small.
// early is what the client sent right behind its handshake.
func (c *Client) Serve(conn hub.Conn, early []byte) { panic("TODO") }

// Abandon takes back an Open whose upgrade failed.
func (c *Client) Abandon() { panic("TODO") }
