package crew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"hubbub/internal/ledger"
)

type readerKind int

const (
	steady readerKind = iota
	moving
	slow
)

// deafTime is how long a reader that moves waits for an answer to its pings before it goes elsewhere.
const deafTime = 3 * time.Second

// retryTime is the longest pause that is made, whatever retry_after says, so that a row stays short.
const retryTime = time.Second

// reader is in every room, over one connection after the other.
type reader struct {
	crew   *Crew
	name   string
	kind   readerKind
	home   int // which instance it begins with
	random *rand.Rand

	mu        sync.Mutex // guards what follows
	views     map[string]*ledger.View
	where     string    // what it is doing
	heard     time.Time // when something came
	news      time.Time // when something came that it did not know
	disturbed int
}

func newReader(c *Crew, kind readerKind, i int) *reader {
	name := []string{"steady", "moving", "slow"}[kind] + fmt.Sprint(i+1)
	return &reader{
		crew: c, name: name, kind: kind, home: i % len(c.options.Hubs), random: c.random(name),
		views: map[string]*ledger.View{},
	}
}

// joined says whether it has been in every room.
func (r *reader) joined() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.views) == len(Rooms)
}

// stands says whether it has come to the end of every log.
func (r *reader) stands(logs map[string]ledger.Log) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room, l := range logs {
		if v := r.views[room]; v == nil || v.At() != (ledger.Position{Epoch: l.Epoch, Offset: l.Last()}) {
			return false
		}
	}
	return true
}

func (r *reader) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, heard something %.1f s ago, disturbed %d times; stands at", r.name, r.where, time.Since(r.heard).Seconds(), r.disturbed)
	for _, room := range Rooms {
		if v := r.views[room]; v != nil {
			fmt.Fprintf(&b, " %q %s", room, v.At())
		}
	}
	return b.String()
}

// is notes what it is doing.
func (r *reader) is(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.where = fmt.Sprintf(format, args...)
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	at := r.home
	for ctx.Err() == nil {
		r.is("connecting to instance %d", at+1)
		c, err := dial(ctx, r.crew.options.Hubs[at].URL(), r.name, r.kind == slow)
		if err == nil {
			r.is("at instance %d", at+1)
			err = r.sit(ctx, c)
			c.close()
		}
		if errors.Is(err, errSpeech) {
			r.crew.report(r.name, err)
		}
		r.is("away from instance %d: %v", at+1, err)
		pause(ctx, time.Duration(r.random.IntN(100))*time.Millisecond)
		if r.kind != steady {
			at = r.random.IntN(len(r.crew.options.Hubs))
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// sit joins every room and writes down what it is told, until the connection ends.
func (r *reader) sit(ctx context.Context, c *conn) error {
	sitting, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	deaf := time.AfterFunc(time.Hour, cancel)
	defer deaf.Stop()
	if r.kind == moving {
		deaf.Reset(deafTime)
		stay := time.Duration(200+r.random.IntN(2500)) * time.Millisecond
		group.Go(func() { r.fidget(sitting, c, stay, cancel) })
	}
	in := map[string]bool{} // the rooms that this connection is in
	for i := range Rooms {
		if err := r.join(sitting, c, i); err != nil {
			return err
		}
	}
	for stall := r.nextStall(); ; {
		e, err := c.read(sitting)
		if err != nil {
			if ctx.Err() == nil && r.kind == steady {
				r.mu.Lock()
				r.disturbed++
				r.mu.Unlock()
			}
			return err
		}
		if r.kind == moving {
			deaf.Reset(deafTime)
		}
		if err := r.note(in, e); err != nil {
			return err
		}
		if e.Type == "error" {
			room, after, err := refusal(e)
			if err != nil {
				return err
			}
			group.Go(func() {
				pause(sitting, after)
				_ = r.join(sitting, c, room) // the reading side finds the end of the connection
			})
		}
		if r.kind == slow && time.Now().After(stall) {
			r.stall(sitting)
			stall = r.nextStall()
		}
	}
}

// refusal is the room that a join was refused for, and the pause before the next one.
func refusal(e event) (room int, after time.Duration, err error) {
	err = json.Unmarshal(e.Ref, &room)
	if err != nil || room < 0 || room >= len(Rooms) || e.Code != "unavailable" {
		return 0, 0, fmt.Errorf("%w: ref %s, %s: %s", errSpeech, e.Ref, e.Code, e.Message)
	}
	return room, min(time.Duration(e.Retry)*time.Second, retryTime), nil
}

// fidget sends pings, so that a hub that is alive is heard, and ends the sitting when its time has come, unless it is time to rest.
func (r *reader) fidget(ctx context.Context, c *conn, stay time.Duration, leave context.CancelFunc) {
	up := time.NewTimer(stay)
	defer up.Stop()
	ping := time.NewTicker(time.Second)
	defer ping.Stop()
	for {
		select {
		case <-up.C:
			select {
			case <-r.crew.rest:
			default:
				leave()
				return
			}
		case <-ping.C:
			if c.write(ctx, []byte(`{"type":"ping","ref":0}`)) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// nextStall is when a slow reader stops reading.
func (r *reader) nextStall() time.Time {
	return time.Now().Add(time.Duration(r.random.IntN(500)) * time.Millisecond)
}

// stall reads nothing for a while.
func (r *reader) stall(ctx context.Context) {
	t := time.NewTimer(r.crew.options.Stall/2 + time.Duration(r.random.Int64N(int64(r.crew.options.Stall/2)+1)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.crew.rest:
	case <-ctx.Done():
	}
}

func (r *reader) join(ctx context.Context, c *conn, i int) error {
	r.mu.Lock()
	v := r.views[Rooms[i]]
	command := fmt.Appendf(nil, `{"type":"join","ref":%d,"room":%s`, i, quote(Rooms[i]))
	if v != nil {
		command = fmt.Appendf(command, `,"after":{"epoch":%s,"offset":%d}`, quote(v.At().Epoch), v.At().Offset)
	}
	r.mu.Unlock()
	return c.write(ctx, append(command, '}'))
}

// note writes an event down.
func (r *reader) note(in map[string]bool, e event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = time.Now()
	if e.Type == "pong" || e.Type == "error" {
		return nil
	}
	if !slices.Contains(Rooms, e.Room) || e.Type != "joined" && !in[e.Room] {
		return fmt.Errorf("%w: %s for the room %q, which was not joined", errSpeech, e.Type, e.Room)
	}
	v := r.views[e.Room]
	switch {
	case e.Type == "joined" && v == nil:
		r.views[e.Room] = ledger.NewView(r.name, e.Room, ledger.Position(e.Position))
		in[e.Room] = true
	case e.Type == "joined":
		v.Joined(e.Position.Epoch)
		in[e.Room] = true
	case e.Type == "message":
		v.Message(e.Offset, e.message(sender(e.From), e.Room))
	case e.Type == "gap" && e.Reason == "trimmed":
		var from uint64
		if err := json.Unmarshal(e.From, &from); err != nil {
			return fmt.Errorf("%w: a gap from %s", errSpeech, e.From)
		}
		v.Trimmed(from, e.To)
	case e.Type == "gap" && e.Reason == "epoch":
		v.Epoch(e.Epoch)
	default:
		return fmt.Errorf("%w: %q, reason %q", errSpeech, e.Type, e.Reason)
	}
	if e.Type != "joined" {
		r.news = r.heard
	}
	return nil
}
