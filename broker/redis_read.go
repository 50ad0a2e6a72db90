package broker

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/wire"
)

const (
	// readMessages and pageBytes bound what one read brings.
	readMessages = 512
	// readers is how many reads are on their way at once, each for many rooms.
	readers = 2
	// readRooms is how many rooms one of them reads: what comes back is held until all of it has come.
	readRooms = 128
	// tailsEvery is how often the follower looks where its rooms' logs end. It finds a push that has gone deaf.
	tailsEvery = 12 * time.Second
	// tailsRooms is how many rooms one script looks at.
	tailsRooms = 500
	// topExtra is how much longer than its messages a room's position is kept, at least.
	topExtra = time.Hour
	// redisTimeout bounds one exchange with Redis.
	redisTimeout = 2 * time.Second
)

// ask is a read of a room's log for the follower.
type ask struct {
	r        *followed
	tail     bool   // the newest messages; otherwise what comes from `from` on
	from     string // an id
	diverged epoch
}

// pageRead is what it brought.
type pageRead struct {
	ask
	logPage
	err error
}

// logPage is a piece of a log.
type logPage struct {
	top      place  // where the log ends
	first    uint64 // the oldest offset kept of the current epoch
	members  int
	version  uint64 // of the members
	batches  []storedBatch
	complete bool // there is no more in that direction
}

// storedBatch is an entry of a room's stream.
type storedBatch struct {
	at   place // of its last message
	n    uint64
	data string
}

func (b *storedBatch) before() uint64 { return b.at.offset - b.n }

// reader reads for the follower, many rooms at a time.
type reader struct {
	r    *Redis
	wake chan struct{} // the follower → a worker; capacity 1; never closed

	mu   sync.Mutex // guards asks
	asks []ask
}

func (d *reader) put(a ask) {
	d.mu.Lock()
	d.asks = append(d.asks, a)
	d.mu.Unlock()
	d.poke()
}

func (d *reader) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *reader) take() []ask {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.asks), readRooms)
	taken := d.asks[:n:n]
	if d.asks = d.asks[n:]; len(d.asks) == 0 {
		d.asks = nil
	} else {
		d.poke()
	}
	return taken
}

// run reads what is asked for until ctx ends, and blocks.
func (d *reader) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		for asks := d.take(); len(asks) > 0; asks = d.take() {
			for _, p := range d.read(ctx, asks) {
				if !d.r.follower.tell(p) {
					return
				}
			}
		}
	}
}

func (d *reader) read(ctx context.Context, asks []ask) []*pageRead {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	pages := make([]*pageRead, len(asks))
	cmds := make([]*redis.Cmd, len(asks))
	_ = d.r.pipelined(ctx, func(p redis.Pipeliner) {
		for i, a := range asks {
			limit, size := readMessages, pageBytes
			if a.tail {
				size = tailBytes
				if m := d.r.o.Retention.Messages; m > 0 {
					limit = m
				} else {
					limit = 1 << 30
				}
			}
			from := a.from
			if a.tail {
				from = "tail"
			}
			cmds[i] = d.r.evalRead(ctx, p, a.r.name, from, limit, size, a.diverged)
		}
	})
	for i, c := range cmds {
		p := &pageRead{ask: asks[i]}
		p.logPage, p.err = parsePage(c)
		limit, size := uint64(readMessages), pageBytes
		for _, b := range p.batches {
			if idOf(b.at) == asks[i].from {
				continue // as in the script
			}
			limit -= min(limit, b.n)
			size -= len(b.data)
		}
		p.complete = limit > 0 && size > 0
		pages[i] = p
	}
	return pages
}

// evalRead puts the script into a pipeline.
func (r *Redis) evalRead(ctx context.Context, p redis.Pipeliner, room, from string, limit, size int, diverged epoch) *redis.Cmd {
	seen := r.fence(room)
	return readScript.EvalSha(ctx, p, []string{r.keys.of(room, "log"), r.keys.of(room, "top"), r.keys.of(room, "who")},
		r.keys.channel(room), verbOf(r.cluster), uint64(seen.epoch), seen.offset, uint64(diverged),
		r.o.Retention.Age.Milliseconds(), from, limit, size)
}

func parsePage(c *redis.Cmd) (p logPage, err error) {
	all, err := c.Slice()
	if err != nil {
		return p, err
	}
	text := func(i int) string { s, _ := all[i].(string); return s }
	number := func(i int) (n uint64) {
		var bad error
		if n, bad = strconv.ParseUint(text(i), 10, 64); bad != nil {
			err = errCorrupt
		}
		return n
	}
	if len(all) < 5 || len(all)%3 != 2 {
		return p, errCorrupt
	}
	p.top, p.first, p.version = place{parseEpoch(text(0)), number(1)}, number(2), number(4)
	members, _ := all[3].(int64)
	p.members = int(members)
	for i := 5; i < len(all); i += 3 {
		at, ok := parseID(text(i))
		b := storedBatch{at: at, n: number(i + 1), data: text(i + 2)}
		if !ok || b.n == 0 || b.n > at.offset {
			return p, errCorrupt
		}
		p.batches = append(p.batches, b)
	}
	return p, err
}

// History implements Broker.
func (r *Redis) History(ctx context.Context, room string, after wire.Position, limit int) (Page, error) {
	at, known := place{offset: after.Offset}, true
	if after.Epoch != "" {
		at.epoch = epochNamed(after.Epoch)
		known = at.epoch != 0
	}
	limit = min(max(limit, 0), 1<<20)
	from, count := "", limit
	switch {
	case !known || limit == 0 || at.offset >= 1<<53:
		from, count = "0-0", 0
	case after.Epoch == "": // of the current epoch, which the log has to say first
		p, err := r.page(ctx, room, "0-0", 0)
		if err != nil || p.top.offset <= at.offset {
			return p.visible(), err
		}
		at.epoch = p.top.epoch
		fallthrough
	default:
		from = at.epoch.digits() + "-" + strconv.FormatUint(at.offset+1, 10)
	}
	p, err := r.page(ctx, room, from, count)
	if err != nil || count == 0 || p.top.epoch != at.epoch {
		return p.visible(), err
	}
	page, size := p.visible(), 0
	for _, b := range p.batches {
		run, _, err := batchOf(b.data, b.before())
		if err != nil {
			return Page{}, err
		}
		for _, m := range run {
			if m.Offset <= at.offset || b.at.epoch != at.epoch {
				continue
			}
			if size += len(m.Payload); len(page.Messages) == limit || size > pageBytes && len(page.Messages) > 0 {
				return page, nil
			}
			page.Messages = append(page.Messages, m)
		}
	}
	return page, nil
}

// visible is a page without messages, as the hub sees it.
func (p *logPage) visible() Page {
	if p.top.epoch == 0 {
		return Page{First: 1}
	}
	return Page{Epoch: p.top.epoch.String(), First: p.first, Last: p.top.offset}
}

// page reads once.
func (r *Redis) page(ctx context.Context, room, from string, limit int) (p logPage, err error) {
	r.stats.pages.Add(1)
	var c *redis.Cmd
	done, err := r.question(ctx)
	if err == nil {
		err = r.pipelined(ctx, func(pipe redis.Pipeliner) { c = r.evalRead(ctx, pipe, room, from, limit, pageBytes, 0) })
		done()
	}
	if err == nil {
		p, err = parsePage(c)
	}
	if err == nil {
		r.seen.saw(room, p.top)
	}
	if err != nil {
		return p, &wire.Error{Code: wire.Unavailable, Message: "the room's log cannot be read at the moment: try again", RetryAfter: 1}
	}
	return p, nil
}

// pipelined sends commands in one go. Scripts that a server does not know yet are loaded, and all is sent again: none of them
// minds.
func (r *Redis) pipelined(ctx context.Context, put func(redis.Pipeliner)) error {
	for try := 0; ; try++ {
		pipe := r.client.Pipeline()
		put(pipe)
		cmds, err := pipe.Exec(ctx)
		if try > 0 || !unknown(cmds) {
			return err
		}
		if err := r.load(ctx); err != nil {
			return err
		}
	}
}

// unknown says whether a server did not know a script. In a cluster it may be another one than the one that failed first.
func unknown(cmds []redis.Cmder) bool {
	return slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return redis.HasErrorPrefix(c.Err(), "NOSCRIPT") })
}
