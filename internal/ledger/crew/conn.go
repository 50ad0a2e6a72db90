package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"hubbub/internal/ledger"
)

// dialTime is how long it may take until an instance says welcome; one that is paused or full never does.
const dialTime = 3 * time.Second

// narrow is the receive buffer of a slow reader: what does not fit into it is the hub's to keep. Its segments are those of an
// Ethernet: with loopback's own of 64 KB the kernel drops what does not fit and sends it again after ever longer pauses, and such a
// reader, once behind, got a few messages a second for a minute.
const (
	narrow  = 32 << 10
	segment = 1400
)

// largestFrame is above a page of history, which ends at 256 KiB of messages.
const largestFrame = 2 << 20

// event is a frame of the hub's, of any type.
type event struct {
	Type     string          `json:"type"`
	Ref      json.RawMessage `json:"ref"`
	Room     string          `json:"room"`
	Position position        `json:"position"`
	Epoch    string          `json:"epoch"`
	From     json.RawMessage `json:"from"` // who, or the offset that a gap begins with
	To       uint64          `json:"to"`
	Reason   string          `json:"reason"`
	Code     string          `json:"code"`
	Message  string          `json:"message"`
	Retry    int             `json:"retry_after"`
	First    uint64          `json:"first"`
	Last     uint64          `json:"last"`
	Messages []entry         `json:"messages"`
	letter                   // a message's own fields
}

// entry is a message in a page of history.
type entry struct {
	From string `json:"from"`
	letter
}

type position struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// letter is what a message and an entry of history have in common.
type letter struct {
	Offset uint64          `json:"offset"`
	Time   int64           `json:"time"`
	Data   json.RawMessage `json:"data"`
	Key    string          `json:"key"`
}

// conn is one connection in the JSON dialect. One goroutine reads, any may write.
type conn struct{ ws *websocket.Conn }

// dial connects as client and waits for the welcome.
func dial(ctx context.Context, base, client string, slow bool) (*conn, error) {
	d := net.Dialer{}
	if slow {
		d.Control = func(_, _ string, c syscall.RawConn) (err error) {
			broken := c.Control(func(fd uintptr) {
				err = errors.Join(
					syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, narrow),
					syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment))
			})
			return errors.Join(broken, err)
		}
	}
	within, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	transport := &http.Transport{DialContext: d.DialContext}
	ws, _, err := websocket.Dial(within, base+"/ws/"+url.PathEscape(client), &websocket.DialOptions{
		Subprotocols: []string{"hubbub.v1"}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(largestFrame)
	c := &conn{ws}
	if e, err := c.read(within); err != nil || e.Type != "welcome" {
		c.close()
		return nil, fmt.Errorf("waiting for the welcome: %q %w", e.Type, err)
	}
	return c, nil
}

// read waits for the next frame. A context that ends closes the connection.
func (c *conn) read(ctx context.Context) (e event, err error) {
	_, frame, err := c.ws.Read(ctx)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(frame, &e); err != nil {
		return e, fmt.Errorf("%w: %q", errSpeech, frame)
	}
	return e, nil
}

// errSpeech is what no network and no Redis can be blamed for.
var errSpeech = errors.New("the hub sent what the protocol does not know")

// write sends one command.
func (c *conn) write(ctx context.Context, command []byte) error {
	return c.ws.Write(ctx, websocket.MessageText, command)
}

// close ends it without a word, as a lost link does.
func (c *conn) close() { _ = c.ws.CloseNow() }

// payload is what number n of a publisher carries, to the byte. Its length varies with n: some 150 bytes mostly, now and then 30 KB,
// so that limits in bytes are met before those in messages.
func payload(n ledger.Number, room string) []byte {
	b := append([]byte(nil), `{"p":`...)
	b = append(b, quote(n.Publisher)...)
	b = append(b, `,"n":`...)
	b = strconv.AppendInt(b, int64(n.N), 10)
	b = append(b, `,"r":`...)
	b = append(b, quote(room)...)
	b = append(b, `, "x":"`...)
	length := 20 + n.N*37%200
	if n.N%101 == 0 {
		length = 30_000
	}
	b = append(b, strings.Repeat("~", length)...)
	return append(b, `"}`...)
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can be
	}
	return b
}

// message is what the ledger writes of a message. Whatever a publisher did not write, to the byte, under this key, has a
// number that none has.
func (l letter) message(from, room string) ledger.Message {
	var p struct {
		P string
		N int
		R string
	}
	err := json.Unmarshal(l.Data, &p)
	n := ledger.Number{Publisher: p.P, N: p.N}
	if err != nil || p.R != room || p.P != from || l.Key != strconv.Itoa(p.N) || string(payload(n, room)) != string(l.Data) {
		n = ledger.Number{Publisher: fmt.Sprintf("?%s %.60q", from, l.Data)}
	}
	return ledger.Message{Number: n, Time: l.Time}
}

// sender is who a message is from.
func sender(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // what is no string is nobody
	return s
}
