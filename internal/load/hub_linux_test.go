package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// testHub speaks as much of the JSON dialect as the scenarios need: a log a room, and a goroutine a member that
// writes from it. It can be told to make every mistake that a checker has to find.
type testHub struct {
	keep int // messages of a room that somebody who is behind still gets; 0: all

	// fault says what becomes of message number n (from 0) on its way to a member; nil: it is delivered.
	// A member is the number of its socket.
	fault func(room string, member, n int) fault

	mu      sync.Mutex
	changed *sync.Cond
	rooms   map[string]*testRoom
	closed  bool
	hosts   map[string]int // connections by the name they asked for
}

type testRoom struct {
	log []string // what stands behind the offset in each message frame
}

type fault int

const (
	deliver fault = iota
	lose
	double
	swap     // with the next one
	misroute // it comes with another publisher's stamp
	hang     // the connection ends without a close frame
)

func startTestHub(t *testing.T, h *testHub) string {
	h.changed, h.rooms, h.hosts = sync.NewCond(&h.mu), map[string]*testRoom{}, map[string]int{}
	server := httptest.NewUnstartedServer(h)
	// What the kernel takes for a member that does not read is not a matter of the test.
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4096)
		return ctx
	}
	server.Start()
	t.Cleanup(func() {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
		h.changed.Broadcast()
		server.Close()
	})
	return server.URL
}

// ServeHTTP is one connection. It is in one room at most.
func (h *testHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, id, _ := strings.Cut(r.URL.Path, "-")
	member, _ := strconv.Atoi(id)
	pipe := r.URL.Query().Get("room")
	h.mu.Lock()
	h.hosts[r.Host]++
	h.mu.Unlock()
	at := h.end(pipe) // a pipe has joined before it is answered
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"hubbub.v1"}})
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	defer func() {
		cancel()
		_ = c.CloseNow()
		h.changed.Broadcast()
		writer.Wait()
	}()
	write := func(s string) bool { return c.Write(ctx, websocket.MessageText, []byte(s)) == nil }
	join := func(name string, at int) {
		if pipe == "" && !write(fmt.Sprintf(`{"type":"joined","ref":1,"room":%q,"position":{"epoch":"e","offset":%d},"count":1}`, name, at)) {
			return
		}
		writer.Go(func() { h.serve(ctx, name, member, at, pipe != "", write, c) })
	}
	if pipe != "" {
		join(pipe, at)
	} else if !write(`{"type":"welcome","protocol":"hubbub.v1"}`) {
		return
	}
	for {
		_, b, err := c.Read(ctx)
		if err != nil {
			return
		}
		command := struct {
			Type, Room string
			Data       json.RawMessage
			Ref        int
			After      *struct{ Offset int }
		}{Type: "publish", Room: pipe, Data: b}
		if pipe == "" && json.Unmarshal(b, &command) != nil {
			return
		}
		switch {
		case command.Type == "join" && command.After != nil:
			join(command.Room, command.After.Offset)
		case command.Type == "join":
			join(command.Room, h.end(command.Room))
		case command.Room == "load-room-9":
			write(`{"type":"error","code":"forbidden","message":"not there"}`)
		default:
			h.mu.Lock()
			room := h.room(command.Room)
			room.log = append(room.log, string(command.Data))
			h.mu.Unlock()
			h.changed.Broadcast()
			if command.Ref > 0 {
				write(`{"type":"published","ref":1}`)
			}
		}
	}
}

// end is the last offset of a room.
func (h *testHub) end(room string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.room(room).log)
}

func (h *testHub) room(name string) *testRoom {
	if h.rooms[name] == nil {
		h.rooms[name] = &testRoom{}
	}
	return h.rooms[name]
}

// serve writes the log to a member, from an offset on. What it has taken from the log it writes, even if the log
// does not keep it any longer by then.
func (h *testHub) serve(ctx context.Context, name string, member, at int, pipe bool, write func(string) bool, c *websocket.Conn) {
	held := ""
	for {
		h.mu.Lock()
		for len(h.rooms[name].log) == at && ctx.Err() == nil && !h.closed {
			h.changed.Wait()
		}
		log, over := h.rooms[name].log, h.closed
		h.mu.Unlock()
		if over || ctx.Err() != nil {
			return
		}
		if oldest := len(log) - h.keep; h.keep > 0 && at < oldest {
			write(fmt.Sprintf(`{"type":"gap","room":%q,"from":%d,"to":%d,"reason":"trimmed"}`, name, at+1, oldest))
			at = oldest
		}
		for ; at < len(log); at++ {
			what, out := deliver, log[at]
			if !pipe {
				out = fmt.Sprintf(`{"type":"message","room":%q,"offset":%d,"from":"x","time":1,"data":%s}`, name, at+1, out)
			}
			if h.fault != nil {
				what = h.fault(name, member, at)
			}
			switch what {
			case lose:
				continue
			case swap:
				held = out
				continue
			case hang:
				_ = c.CloseNow()
				return
			case misroute:
				out = misstamp(out)
			case double:
				write(out)
			}
			write(out)
			if held != "" {
				write(held)
				held = ""
			}
		}
	}
}

// misstamp makes a message another publisher's.
func misstamp(message string) string {
	at := 0
	s, _ := findStamp([]byte(message), &at)
	return message[:at] + fmt.Sprintf("%s%06x", stampMark, s.publisher+1) + message[at+len(stampMark)+6:]
}
