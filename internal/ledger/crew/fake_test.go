package crew

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// fake is a hub in memory that is honest until it is told to lie.
type fake struct {
	server *httptest.Server

	mu     sync.Mutex // guards what follows, and is held while somebody is written to
	epoch  string
	rooms  map[string]*fakeRoom
	change func(to, room string, offset int, frame string) []string // what is delivered in place of a frame; nil: the truth
	refuse func(client, key string) (answer string, silent bool)    // in place of a publish; "" and false: none
}

type fakeRoom struct {
	log     []string       // messages from offset, on, as a frame without its beginning
	keys    map[string]int // the offset of each client's key
	members map[*fakeConn]bool
}

type fakeConn struct {
	client string
	ws     *websocket.Conn
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{epoch: "e1", rooms: map[string]*fakeRoom{}}
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) URL() string { return strings.Replace(f.server.URL, "http:", "ws:", 1) }

func (f *fake) room(name string) *fakeRoom {
	r := f.rooms[name]
	if r == nil {
		r = &fakeRoom{keys: map[string]int{}, members: map[*fakeConn]bool{}}
		f.rooms[name] = r
	}
	return r
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"hubbub.v1"}})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	c := &fakeConn{strings.TrimPrefix(r.URL.Path, "/ws/"), ws}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, r := range f.rooms {
			delete(r.members, c)
		}
	}()
	c.send(`{"type":"welcome"}`)
	for {
		_, text, err := ws.Read(context.Background())
		if err != nil {
			return
		}
		f.do(c, text)
	}
}

// send may fail: the reading side finds out.
func (c *fakeConn) send(frame string) {
	_ = c.ws.Write(context.Background(), websocket.MessageText, []byte(frame))
}

func (f *fake) do(c *fakeConn, text []byte) {
	var m struct {
		Type, Room, Key, Epoch string
		Ref                    json.RawMessage
		Data                   json.RawMessage
		After                  json.RawMessage
		Limit                  int
	}
	if err := json.Unmarshal(text, &m); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m.Type {
	case "ping":
		c.send(`{"type":"pong"}`)
	case "publish":
		f.publish(c, m.Room, m.Key, m.Ref, m.Data)
	case "join":
		var after position
		_ = json.Unmarshal(m.After, &after)
		f.join(c, m.Room, m.Ref, after)
	case "history":
		var after int
		_ = json.Unmarshal(m.After, &after)
		log := f.room(m.Room).log
		var page []string
		for i := after; i < len(log) && len(page) < m.Limit; i++ {
			page = append(page, "{"+fmt.Sprintf(`"offset":%d,`, i+1)+log[i])
		}
		c.send(fmt.Sprintf(`{"type":"history","ref":%s,"epoch":%q,"first":1,"last":%d,"messages":[%s]}`, m.Ref, f.epoch, len(log), strings.Join(page, ",")))
	}
}

func (f *fake) publish(c *fakeConn, room, key string, ref, data []byte) {
	if f.refuse != nil {
		if answer, silent := f.refuse(c.client, key); silent {
			return
		} else if answer != "" {
			c.send(strings.Replace(answer, "REF", string(ref), 1))
			return
		}
	}
	r := f.room(room)
	at, again := r.keys[c.client+" "+key]
	if !again {
		r.log = append(r.log, fmt.Sprintf(`"from":%q,"time":%d,"data":%s,"key":%q}`, c.client, len(r.log), data, key))
		at = len(r.log)
		r.keys[c.client+" "+key] = at
		for m := range r.members {
			f.deliver(m, room, at)
		}
	}
	c.send(fmt.Sprintf(`{"type":"published","ref":%s,"room":%s,"position":{"epoch":%q,"offset":%d},"duplicate":%t}`, ref, quote(room), f.epoch, at, again))
}

func (f *fake) join(c *fakeConn, room string, ref []byte, after position) {
	r := f.room(room)
	c.send(fmt.Sprintf(`{"type":"joined","ref":%s,"room":%s,"position":{"epoch":%q,"offset":%d},"count":1}`, ref, quote(room), f.epoch, len(r.log)))
	switch {
	case after.Epoch == f.epoch:
	case after.Epoch != "":
		c.send(fmt.Sprintf(`{"type":"gap","room":%s,"epoch":%q,"reason":"epoch"}`, quote(room), f.epoch))
		after.Offset = 0
	default:
		after.Offset = uint64(len(r.log))
	}
	for i := int(after.Offset); i < len(r.log); i++ {
		f.deliver(c, room, i+1)
	}
	r.members[c] = true
}

func (f *fake) deliver(c *fakeConn, room string, offset int) {
	frame := fmt.Sprintf(`{"type":"message","room":%s,"offset":%d,%s`, quote(room), offset, f.room(room).log[offset-1])
	frames := []string{frame}
	if f.change != nil {
		frames = f.change(c.client, room, offset, frame)
	}
	for _, frame := range frames {
		c.send(frame)
	}
}

// forget begins another epoch, and tells whoever is there.
func (f *fake) forget(epoch string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch = epoch
	for name, r := range f.rooms {
		r.log, r.keys = nil, map[string]int{}
		for m := range r.members {
			m.send(fmt.Sprintf(`{"type":"gap","room":%s,"epoch":%q,"reason":"epoch"}`, quote(name), epoch))
		}
	}
}
