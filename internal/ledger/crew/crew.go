// Package crew is the people of the ledger: publishers who number what they send and retry what was not answered, readers who write
// down what they are told, move between instances and resume by position, and a clerk who reads the logs in the end. They know
// the hub by its protocol alone.
package crew

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"hubbub/internal/ledger"
)

// Rooms are the rooms that are published to and read. Their names are such as no key should choke on.
var Rooms = []string{"plain", "{curly} r\u00e4ume", "}b{a", "a:b*[c]? \"d\" \\"}

// Options say who there is. The zero value of each gives the default.
type Options struct {
	// Hubs are the instances, where their sockets are at the moment.
	Hubs []Hub
	Seed uint64
	// Steady, Moving and Slow are how many readers of each kind there are: those that never leave by themselves and wait however
	// long it is quiet (default one for each hub), those that cut their own line every second or so and come back
	// elsewhere (default 3), and those that stop reading for seconds (default 1).
	Steady, Moving, Slow int
	// Stall is how long a slow reader reads nothing at a time, at most (default 1.5 s).
	Stall time.Duration
	// Publishers (default two for each hub): one half stays where it is, the other half moves on when it is not answered.
	Publishers int
	// Rate is how many messages are published a second, all together (default 500).
	Rate int
	// Patience is how long each phase may take: that all join, that every publish is answered, that all have caught up (default
	// a minute). A run that hangs ends with it, and says who waits for what.
	Patience time.Duration
}

// Hub is an instance.
type Hub interface{ URL() string }

// Crew is everybody. Run one row with one crew.
type Crew struct {
	options    Options
	publishers []*publisher
	readers    []*reader
	stop       context.CancelFunc
	group      sync.WaitGroup

	quiet     chan struct{} // closed when nothing new is to be published
	published sync.WaitGroup
	rest      chan struct{} // closed when readers are to stay and to read

	mu    sync.Mutex // guards what follows
	wrong []error    // what nobody may ever see
}

// Start lets the readers join, and when all have joined the publishers begin. Finish ends it, and has to be called unless
// there is an error.
func Start(ctx context.Context, o Options) (*Crew, error) {
	o.Steady, o.Moving, o.Slow = cmp.Or(o.Steady, len(o.Hubs)), cmp.Or(o.Moving, 3), cmp.Or(o.Slow, 1)
	o.Publishers, o.Rate = cmp.Or(o.Publishers, 2*len(o.Hubs)), cmp.Or(o.Rate, 500)
	o.Stall, o.Patience = cmp.Or(o.Stall, 1500*time.Millisecond), cmp.Or(o.Patience, time.Minute)
	c := &Crew{options: o, quiet: make(chan struct{}), rest: make(chan struct{})}
	live, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	for kind, n := range []int{steady: o.Steady, moving: o.Moving, slow: o.Slow} {
		for i := range n {
			c.readers = append(c.readers, newReader(c, readerKind(kind), i))
		}
	}
	for i := range o.Publishers {
		c.publishers = append(c.publishers, newPublisher(c, i))
	}
	for _, r := range c.readers {
		c.group.Go(func() { r.run(live) })
	}
	if err := c.await(ctx, "every reader joins", func() bool { return all(c.readers, (*reader).joined) }); err != nil {
		c.dismiss()
		return nil, err
	}
	for _, p := range c.publishers {
		c.published.Add(1)
		c.group.Go(func() { p.run(live) })
	}
	return c, nil
}

func all[T any](list []T, so func(T) bool) bool {
	for _, e := range list {
		if !so(e) {
			return false
		}
	}
	return true
}

// dismiss ends everybody and waits for it.
func (c *Crew) dismiss() {
	c.stop()
	c.group.Wait()
}

// random is a source of one's own.
func (c *Crew) random(name string) *rand.Rand { return Random(c.options.Seed, name) }

// Random is a source of chance that is the same for the same seed and name.
func Random(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// report takes an error that is nobody's fault but the hub's.
func (c *Crew) report(who string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) < 5 {
		c.wrong = append(c.wrong, fmt.Errorf("%s: %w", who, err))
	}
}

// errors are what was reported.
func (c *Crew) errors() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.wrong...)
}

// await asks every few milliseconds whether something is so.
func (c *Crew) await(ctx context.Context, what string, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w\n%s", what, ctx.Err(), c.Dump())
		}
	}
	return nil
}

// Answered is closed once Finish has seen every publish answered: the last message of every log is stored then.
func (c *Crew) Answered() <-chan struct{} { return c.rest }

// Finding is how it ended.
type Finding struct {
	Books []*ledger.Book
	Views []*ledger.View
	Logs  map[string]ledger.Log
	// CaughtUp is the time from the last answer to a publisher until the last reader was told the last thing.
	CaughtUp time.Duration
	// Disturbed is how often a publisher or reader that stays where it is lost its connection.
	Disturbed int
}

// Finish stops the publishing, waits until everything that was published is answered and every reader stands at the end of
// every log, and ends everybody. What there is to judge comes also with an error.
func (c *Crew) Finish(ctx context.Context) (f Finding, err error) {
	close(c.quiet)
	err = c.await(ctx, "every publish is answered", func() bool { return all(c.publishers, (*publisher).done) })
	since := time.Now()
	close(c.rest)
	logs, late := c.catchUp(ctx)
	f.Logs = logs
	if late == nil {
		late = c.otherHistories(ctx, &f)
	}
	c.dismiss()
	for _, p := range c.publishers {
		f.Books = append(f.Books, p.book)
		f.Disturbed += p.disturbed
	}
	for _, r := range c.readers {
		for _, v := range r.views {
			f.Views = append(f.Views, v)
		}
		f.Disturbed += r.disturbed
		f.CaughtUp = max(f.CaughtUp, r.news.Sub(since))
	}
	return f, errors.Join(c.errors(), err, late)
}

// catchUp reads the logs and waits until everybody stands at their ends. A log that changes meanwhile, because an epoch
// begins, is read again; nothing is published to hurry anybody on.
func (c *Crew) catchUp(ctx context.Context) (map[string]ledger.Log, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	var logs map[string]ledger.Log
	for {
		read, err := c.logs(ctx, c.options.Hubs[0])
		if err == nil || logs == nil { // half a log shows nothing missing: the last whole ones do
			logs = read
		}
		if err != nil {
			return logs, fmt.Errorf("reading the logs: %w\n%s", err, c.Dump())
		}
		there, waited := func() bool { return all(c.readers, func(r *reader) bool { return r.stands(logs) }) }, time.Now()
		err = c.await(ctx, "every reader stands at the end of the log: "+ends(logs), func() bool { return there() || time.Since(waited) > time.Second })
		if err != nil {
			return logs, err
		}
		same, err := c.same(ctx, c.options.Hubs[0], logs)
		if err == nil && same && there() {
			return logs, nil
		}
		if err != nil && ctx.Err() != nil {
			return logs, fmt.Errorf("reading the logs: %w\n%s", err, c.Dump())
		}
	}
}

func ends(logs map[string]ledger.Log) string {
	var b strings.Builder
	for _, room := range Rooms {
		fmt.Fprintf(&b, "%q %s:%d  ", room, logs[room].Epoch, logs[room].Last())
	}
	return b.String()
}

// otherHistories adds what history says at each instance to the views.
func (c *Crew) otherHistories(ctx context.Context, f *Finding) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	for i, hub := range c.options.Hubs {
		logs := f.Logs
		if i > 0 {
			var err error
			if logs, err = c.logs(ctx, hub); err != nil {
				return fmt.Errorf("reading the logs at %s: %w", hub.URL(), err)
			}
		}
		for room, log := range logs {
			f.Views = append(f.Views, log.AsView(fmt.Sprintf("history at instance %d", i+1), room))
		}
	}
	return nil
}

// Dump says who stands where and waits for what.
func (c *Crew) Dump() string {
	var b strings.Builder
	for _, p := range c.publishers {
		b.WriteString(p.String() + "\n")
	}
	for _, r := range c.readers {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}
