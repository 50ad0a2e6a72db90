package crew

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"hubbub/internal/ledger"
)

// window is how many publishes of one publisher may be unanswered.
const window = 200

// The longest that an answer may take before a publisher goes elsewhere. Those that stay give the hub time to find out
// itself that it cannot answer.
const (
	movingPatience = 3 * time.Second
	steadyPatience = 30 * time.Second
)

// publisher numbers what it sends, and sends what is not answered again, with the same key.
type publisher struct {
	crew  *Crew
	name  string
	stays bool
	home  int

	mu        sync.Mutex // guards what follows
	dice      *rand.Rand
	book      *ledger.Book
	open      map[int]pending // by number
	finished  bool
	where     string
	disturbed int
}

// pending is a publish that is not answered.
type pending struct {
	sent  time.Time
	again time.Time // when to send it again; zero: not on this connection
}

func newPublisher(c *Crew, i int) *publisher {
	name := fmt.Sprint("p", i+1)
	return &publisher{
		crew: c, name: name, stays: i < len(c.options.Hubs), home: i % len(c.options.Hubs), dice: c.random(name),
		book: ledger.NewBook(name), open: map[int]pending{},
	}
}

func (p *publisher) done() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.finished
}

func (p *publisher) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.unanswered()
	return fmt.Sprintf("%s: %s, %d unanswered %v, disturbed %d times", p.name, p.where, len(open), open[:min(len(open), 8)], p.disturbed)
}

// unanswered is called under mu.
func (p *publisher) unanswered() []int {
	var open []int
	for n := range p.open {
		open = append(open, n)
	}
	slices.Sort(open)
	return open
}

// random is a number below n.
func (p *publisher) random(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dice.IntN(n)
}

func (p *publisher) is(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where = fmt.Sprintf(format, args...)
}

// run publishes until there is nothing more to say and everything is answered.
func (p *publisher) run(ctx context.Context) {
	at := p.home
	for ctx.Err() == nil && !p.done() {
		p.is("connecting to instance %d", at+1)
		c, err := dial(ctx, p.crew.options.Hubs[at].URL(), p.name, false)
		if err == nil {
			p.is("at instance %d", at+1)
			err = p.talk(ctx, c)
			c.close()
		}
		if errors.Is(err, errSpeech) {
			p.crew.report(p.name, err)
		}
		p.is("away from instance %d: %v", at+1, err)
		if !p.stays {
			at = p.random(len(p.crew.options.Hubs))
		}
		pause(ctx, time.Duration(p.random(100))*time.Millisecond)
	}
}

// errMove is why a publisher goes elsewhere.
var errMove = errors.New("it was not answered")

// talk publishes over one connection.
func (p *publisher) talk(ctx context.Context, c *conn) (err error) {
	talking, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	group.Go(func() { cancel(p.listen(talking, c)) })
	p.mu.Lock()
	for n := range p.open { // whatever became of them elsewhere
		p.open[n] = pending{again: time.Now()}
	}
	p.mu.Unlock()
	for {
		if err = p.speak(talking, c); err != nil || p.done() {
			break
		}
		gap := meanBurst * len(p.crew.publishers) * int(time.Second) / p.crew.options.Rate
		pause(talking, time.Duration(p.random(2*gap)))
		if talking.Err() != nil {
			err = context.Cause(talking)
			break
		}
	}
	if p.stays && !p.done() && ctx.Err() == nil {
		p.mu.Lock()
		p.disturbed++
		p.mu.Unlock()
	}
	return err
}

// speak sends what is due again, and something new.
func (p *publisher) speak(ctx context.Context, c *conn) error {
	commands, err := p.due()
	if err != nil {
		return err
	}
	for _, command := range commands {
		if err := c.write(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// meanBurst is how many messages are sent at once: one to eight into any rooms, and now and then four times as many into one, so that
// there are batches of all sizes.
const meanBurst = 5

// due is what to send now.
func (p *publisher) due() (commands [][]byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	limit := movingPatience
	if p.stays {
		limit = steadyPatience
	}
	for _, n := range p.unanswered() {
		switch o := p.open[n]; {
		case !o.again.IsZero() && !now.Before(o.again):
			commands = append(commands, p.command(n))
			p.open[n] = pending{sent: now}
		case o.again.IsZero() && now.Sub(o.sent) > limit:
			return nil, errMove
		}
	}
	select {
	case <-p.crew.quiet:
		p.finished = len(p.open) == 0
		return commands, nil
	default:
	}
	burst, room := 1+p.dice.IntN(8), ""
	if p.dice.IntN(16) == 0 {
		burst, room = 4*burst, Rooms[p.dice.IntN(len(Rooms))]
	}
	for range min(burst, window-len(p.open)) {
		n := p.book.Send(cmp.Or(room, Rooms[p.dice.IntN(len(Rooms))])).N
		commands = append(commands, p.command(n))
		p.open[n] = pending{sent: now}
	}
	return commands, nil
}

// command is called under mu.
func (p *publisher) command(n int) []byte {
	room := p.book.Room(n)
	return fmt.Appendf(nil, `{"type":"publish","ref":%d,"key":"%d","room":%s,"data":%s}`,
		n, n, quote(room), payload(ledger.Number{Publisher: p.name, N: n}, room))
}

// listen takes answers until the connection ends.
func (p *publisher) listen(ctx context.Context, c *conn) error {
	for {
		e, err := c.read(ctx)
		if err != nil {
			return err
		}
		if err := p.answered(e); err != nil {
			return err
		}
	}
}

// answered writes an answer down. A refusal is to be tried again, here or, one time out of four, by those that move, elsewhere.
func (p *publisher) answered(e event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int
	if err := json.Unmarshal(e.Ref, &n); err != nil || n < 1 {
		return fmt.Errorf("%w: an answer to %s: %s %s", errSpeech, e.Ref, e.Type, e.Message)
	}
	switch {
	case e.Type == "published":
		if _, open := p.open[n]; open && e.Room != p.book.Room(n) {
			return fmt.Errorf("%w: an answer for the room %q to a publish to %q", errSpeech, e.Room, p.book.Room(n))
		}
		delete(p.open, n)
		if err := p.book.Ack(n, ledger.Position(e.Position)); err != nil {
			return fmt.Errorf("%w: %w", errSpeech, err)
		}
	case e.Type == "error" && e.Code == "unavailable":
		o, open := p.open[n]
		if !open {
			return nil
		}
		o.again = time.Now().Add(min(time.Duration(e.Retry)*time.Second, retryTime))
		p.open[n] = o
		if !p.stays && p.dice.IntN(4) == 0 {
			return errMove
		}
	default:
		return fmt.Errorf("%w: %s %s: %s", errSpeech, e.Type, e.Code, e.Message)
	}
	return nil
}
