// Package dialect is how one speaks to a server that is to be measured: how to ask for a room, how to publish, and how
// a delivery is told from everything else that comes. A dialect is a few texts and nothing that runs, so that a server
// nobody here has heard of is measured by writing a file.
package dialect

import (
	"fmt"
	"strings"
	"time"
)

// Dialect is those texts. In them ${room} is a room's name, ${client} a socket's, and ${payload}, in Publish
// alone, the place of the payload: letters, digits, ~ and nothing that JSON or a URL would have to escape.
//
// What has to be recognised is a piece of text that the message contains. A message with a payload (and Delivery) in it is a
// delivery. Any other is compared with Ping, with Ready and with Joined as long as they have not come, and with Fault,
// and passed over if it is none of them.
type Dialect struct {
	Name     string            `yaml:"-"`
	Path     string            `yaml:"path"`     // what is asked for at the server; default /
	Protocol string            `yaml:"protocol"` // Sec-WebSocket-Protocol, offered and expected; default none
	Headers  map[string]string `yaml:"headers"`  // more of the handshake's
	Hello    string            `yaml:"hello"`    // sent on a new socket
	Ready    string            `yaml:"ready"`    // the answer to it, or what the server says first; empty: nothing is waited for
	Join     string            `yaml:"join"`     // asks for the room; empty: one is in it without asking
	Joined   string            `yaml:"joined"`   // the answer; empty: nothing is waited for
	Publish  string            `yaml:"publish"`  // one message
	Delivery string            `yaml:"delivery"` // what a delivery has beside the payload; empty: nothing
	Fault    string            `yaml:"fault"`    // a message of the server's that says that something went wrong
	Ping     string            `yaml:"ping"`     // the server's own ping, the whole message; it is answered with Pong
	Pong     string            `yaml:"pong"`
	Beat     string            `yaml:"beat"`      // sent by every socket each BeatEvery
	Every    time.Duration     `yaml:"beatEvery"` // default 20s
	Separate string            `yaml:"separate"`  // between the messages of one frame; empty: a frame is one message
	Own      *bool             `yaml:"own"`       // whether a publisher gets its own messages; default yes

	// Exact says that a delivery is this and the payload and nothing else, as an echo is.
	Exact *string `yaml:"-"`
	// Recovers says that rooms have logs with offsets, and that one can join behind a position: hubbub.v1 and nothing else.
	Recovers bool `yaml:"-"`
}

const payload = "${payload}"

// The dialects that need no file.
var (
	// Hubbub is hubbub.v1, for everything in rooms.
	Hubbub = Dialect{
		Name: "hubbub", Path: "/ws/${client}", Protocol: "hubbub.v1", Ready: `"type":"welcome"`,
		Join: `{"type":"join","ref":1,"room":"${room}"}`, Joined: `"type":"joined"`,
		Publish:  `{"type":"publish","room":"${room}","data":"${payload}"}`,
		Delivery: `"type":"message"`, Fault: `"type":"error"`, Recovers: true,
	}
	// HubbubEcho is what the hub speaks to those who ask for nothing.
	HubbubEcho = Dialect{Name: "hubbub", Path: "/ws/${client}", Publish: payload, Exact: new("Echo: ")}
	// Pipe is the hub's room of bare payloads.
	Pipe = Dialect{Name: "pipe", Path: "/ws/${client}?room=${room}", Publish: payload, Exact: new("")}
	// PlainEcho is a server that sends back what it gets.
	PlainEcho = Dialect{Name: "plain-echo", Path: "/", Publish: payload, Exact: new("")}
	// Broadcast is a server that sends everything to everybody: one room.
	Broadcast = Dialect{Name: "broadcast", Path: "/", Publish: payload}
)

// Echoes says that there are no rooms: each socket hears itself alone.
func (d *Dialect) Echoes() bool {
	return d.Exact != nil && !strings.Contains(d.Path+d.Join+d.Publish, "${room}")
}

// OneRoom says that everybody is in one room, whatever is asked for.
func (d *Dialect) OneRoom() bool {
	return !d.Echoes() && !strings.Contains(d.Path+d.Join+d.Publish, "${room}")
}

// HearsItself says whether a publisher gets its own messages.
func (d *Dialect) HearsItself() bool { return d.Own == nil || *d.Own }

// Fill is one of the texts, with the names put in.
func Fill(text, room, client string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	return strings.NewReplacer("${room}", room, "${client}", client).Replace(text)
}

// Message is what stands before and behind the payload of a message to a room.
func (d *Dialect) Message(room string) (head, tail string) {
	head, tail, _ = strings.Cut(Fill(d.Publish, room, ""), payload)
	return head, tail
}

// check says what a dialect lacks.
func (d *Dialect) check() error {
	if n := strings.Count(d.Publish, payload); n != 1 {
		return fmt.Errorf("publish has to contain ${payload} once, and has it %d times", n)
	}
	for _, f := range d.texts() {
		for rest := *f.text; ; {
			_, after, found := strings.Cut(rest, "${")
			if !found {
				break
			}
			name, _, _ := strings.Cut(after, "}")
			if !strings.Contains(f.knows, "${"+name+"}") {
				return fmt.Errorf("%s has ${%s}, which is not known there: it may have %s", f.key, name, f.knows)
			}
			rest = after
		}
	}
	for _, f := range []struct{ key, text, needs, why string }{
		{"joined", d.Joined, d.Join, "join"}, {"pong", d.Pong, d.Ping, "ping"}, {"ping", d.Ping, d.Pong, "pong"},
	} {
		if f.text != "" && f.needs == "" {
			return fmt.Errorf("%s without %s: the one makes no sense without the other", f.key, f.why)
		}
	}
	if !strings.HasPrefix(d.Path, "/") {
		return fmt.Errorf("path has to begin with /, and is %q", d.Path)
	}
	return nil
}

type field struct {
	key, knows string
	text       *string
}

// texts are the fields in which names may stand.
func (d *Dialect) texts() []field {
	const names = "${room}, ${client}"
	return []field{
		{"path", names, &d.Path},
		{"hello", names, &d.Hello},
		{"join", names, &d.Join},
		{"publish", "${room}, ${payload}", &d.Publish},
		{"ready", "nothing of the kind", &d.Ready},
		{"joined", "nothing of the kind", &d.Joined},
		{"delivery", "nothing of the kind", &d.Delivery},
	}
}
