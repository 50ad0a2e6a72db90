package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// probeEvery is how often a link is probed.
	probeEvery = time.Second
	// deafAfter is how long a link may say nothing, not even what was probed, before it is given up. A connection of which the other
	// end has gone without a word looks like a quiet one.
	deafAfter = 3500 * time.Millisecond
	// trustFor is how long a link is trusted after a probe was sent that came back on it.
	trustFor = 2500 * time.Millisecond
	// subscribeChunk is how many channels one command names.
	subscribeChunk = 256
)

// link is one connection that channels are pushed on: the only one, or in a cluster one for each master. It is
// never mended: what goes wrong ends it, and the follower makes another, which begins with nothing.
//
// go-redis would reconnect and resubscribe by itself; in a cluster that goes wrong in several ways, and a hole that nobody is told
// of is the one thing that must not be. Nor is there a deadline on its Receive: in mid-message it would leave the rest of the message
// to be read as protocol.
type link struct {
	// immutable
	addr    string
	node    *redis.Client // of that address
	ps      *redis.PubSub
	sharded bool
	probe   string // its channel and key

	end func(error) // gives it up, and waits for nothing

	wake chan struct{} // follower → writer; capacity 1, as a token only says "look"; never closed

	mu     sync.Mutex // guards wishes
	wishes []wish     // in their order

	// Moments in nanoseconds since 1970; 0: never.
	heard    atomic.Int64 // when something came last
	answered atomic.Int64 // when the last probe was sent that the server answered
	returned atomic.Int64 // when the last one was sent that came back on this link
	proven   atomic.Int64 // when the last one was sent that did both

	probed atomic.Int64          // how long the last probe took until it came back, nanoseconds
	why    atomic.Pointer[error] // why the last probe was not answered; nil or a nil error: it was
	gone   atomic.Pointer[error] // why it has ended; nil: it has not

	// owned by the follower
	rooms map[string]*followed // by channel: all that this link is to bring
}

// errElsewhere ends a link to a master that was replaced and is awake all the same.
var errElsewhere = errors.New("what is published to the master does not come back: another server has its place")

// wish is a channel to be subscribed to, or no more.
type wish struct {
	channel string
	on      bool
}

// Events that a link has for the follower.
type (
	linkPush struct {
		link          *link
		channel, text string
	}
	linkTurned struct { // a subscription was confirmed, or its end
		link    *link
		channel string
		on      bool
	}
	linkDown struct {
		link *link
		err  error
	}
)

func (l *link) subscribe(channel string, on bool) {
	l.mu.Lock()
	l.wishes = append(l.wishes, wish{channel, on})
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run serves the link until it breaks or ctx ends, and blocks; its last word to the follower is linkDown. tell may block.
func (l *link) run(ctx context.Context, tell func(any) bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.heard.Store(time.Now().UnixNano())
	var both sync.WaitGroup
	both.Go(func() {
		cancel(l.write(ctx))
		l.ps.Close() // which ends receive
	})
	cancel(l.receive(ctx, tell))
	both.Wait()
	err := context.Cause(ctx)
	if !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", l.node.Options().Addr, err)
	}
	tell(linkDown{l, err})
}

// receive tells what comes until the connection is closed.
func (l *link) receive(ctx context.Context, tell func(any) bool) error {
	for {
		got, err := l.ps.Receive(context.Background())
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		l.heard.Store(time.Now().UnixNano())
		ok := true
		switch m := got.(type) {
		case *redis.Message:
			if m.Channel == l.probe {
				l.cameBack(m.Payload)
			} else {
				ok = tell(linkPush{l, m.Channel, m.Payload})
			}
		case *redis.Subscription:
			on := !strings.Contains(m.Kind, "unsub")
			switch {
			case m.Channel != l.probe:
				ok = tell(linkTurned{l, m.Channel, on})
			case on:
				l.ping(ctx) // now it can come back; nothing is trusted before
			default:
				return errMoved // nothing would come back any more
			}
		}
		if !ok {
			return context.Canceled
		}
	}
}

// cameBack notes a probe's round trip.
func (l *link) cameBack(word string) {
	sent, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return
	}
	l.probed.Store(max(time.Now().UnixNano()-sent, 1))
	l.returned.Store(sent)
	l.prove()
}

// prove is called when a probe was answered, and when one came back. One that did both went, just now, to the very server that this link
// hears. A probe that a paused server finds when it wakes up comes back, too, but nobody waits for its answer any more.
func (l *link) prove() {
	if sent := l.answered.Load(); sent == l.returned.Load() {
		l.proven.Store(sent)
	}
}

// trusted says whether what this link brings is what the server says that is asked and published to. A master that was replaced and does not
// know it yet pushes as well. Any goroutine may ask.
func (l *link) trusted() bool {
	at := l.proven.Load()
	return at != 0 && time.Since(time.Unix(0, at)) <= trustFor
}

// write carries out wishes, probes, and gives a deaf link up.
func (l *link) write(ctx context.Context) error {
	if err := l.turn(ctx, []string{l.probe}, true); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	begun := time.Now().UnixNano()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.wake:
			if err := l.fulfil(ctx); err != nil {
				return fmt.Errorf("subscribing: %w", err)
			}
		case <-tick.C:
			if silent := time.Since(time.Unix(0, l.heard.Load())); silent > deafAfter {
				return fmt.Errorf("nothing has come for %v", silent.Round(time.Millisecond))
			}
			if l.answered.Load()-max(l.proven.Load(), begun) > int64(deafAfter) {
				return errElsewhere
			}
			l.ping(ctx)
		}
	}
}

// ping sends a probe. Its failure is noted and not the link's end: nothing will come, then.
func (l *link) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	verb, sent := verbOf(l.sharded), time.Now().UnixNano()
	err := probeScript.Run(ctx, l.node, []string{l.probe}, l.probe, verb, sent).Err()
	if err == nil {
		l.answered.Store(sent)
		l.prove()
	} else {
		err = fmt.Errorf("probing %s: %w", l.node.Options().Addr, err)
	}
	l.why.Store(&err)
}

// fulfil sends what is wished for, in its order; neighbours of the same kind go in one command.
func (l *link) fulfil(ctx context.Context) error {
	l.mu.Lock()
	wishes := l.wishes
	l.wishes = nil
	l.mu.Unlock()
	most := subscribeChunk
	if l.sharded {
		most = 1 // all of a command's channels have to be in one slot
	}
	var channels []string
	for i, w := range wishes {
		channels = append(channels, w.channel)
		if len(channels) == most || i+1 == len(wishes) || wishes[i+1].on != w.on {
			if err := l.turn(ctx, channels, w.on); err != nil {
				return err
			}
			channels = channels[:0]
		}
	}
	return nil
}

func (l *link) turn(ctx context.Context, channels []string, on bool) error {
	switch {
	case l.sharded && on:
		return l.ps.SSubscribe(ctx, channels...)
	case l.sharded:
		return l.ps.SUnsubscribe(ctx, channels...)
	case on:
		return l.ps.Subscribe(ctx, channels...)
	default:
		return l.ps.Unsubscribe(ctx, channels...)
	}
}

// health says why the link cannot be relied on, or nil: a probe has come back within d.
func (l *link) health(d time.Duration) error {
	if err := l.gone.Load(); err != nil {
		return *err
	}
	if at := l.proven.Load(); at != 0 && time.Since(time.Unix(0, at)) <= d {
		return nil
	}
	if err := l.why.Load(); err != nil && *err != nil {
		return *err
	}
	if l.proven.Load() == 0 {
		return errors.New("no probe has come back from " + l.node.Options().Addr + " yet")
	}
	return fmt.Errorf("no probe has come back from %s for %v", l.node.Options().Addr, d)
}

func verbOf(sharded bool) string {
	if sharded {
		return "SPUBLISH"
	}
	return "PUBLISH"
}
