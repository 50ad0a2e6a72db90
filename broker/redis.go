package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/internal/retain"
	"hubbub/wire"
)

// RedisOptions says where Redis is and how it is used.
type RedisOptions struct {
	URL          string        // required, see CheckRedisURL
	TLS          RedisTLS      // for a URL that asks for TLS
	Prefix       string        // before all keys and channels: what shares it is one hub; "hubbub"
	Instance     string        // the name of this instance, for people who look into Redis; "hub"
	Retention    retain.Limits // what each room keeps. Total is not kept: Redis' own maxmemory bounds it
	WaitReplicas int           // a publish is answered when that many replicas have it; 0: when the master has
	ProbeTimeout time.Duration // how old the last probe that came back may be before Ready complains; 3 s
	QueueBytes   int64         // how much may wait to be published; above it is refused; 64 MiB
	Log          *slog.Logger  // slog.Default()
}

// Redis is a broker whose truth is in Redis, for any number of instances: with one server, behind Sentinels, or a cluster.
//
// The outbox publishes, links bring what is pushed, the reader reads, and the follower puts it together and alone calls the sink.
// DESIGN.md says why.
type Redis struct {
	// immutable
	o        RedisOptions
	client   redis.UniversalClient
	cluster  bool   // where pub/sub is sharded
	name     string // of this life of this instance, unique
	keys     keyspace
	seen     *seen
	outbox   *outbox
	reader   *reader
	follower *follower
	presence *presence

	questions chan struct{} // of clients, for history and members: a place for each that is asked of Redis at the same time; never closed

	goes     sync.WaitGroup  // links, and questions beside the loops
	linksCtx context.Context // the links', set by Run

	running atomic.Bool
	stats   redisCounters

	mu        sync.Mutex       // guards what follows
	up        map[string]*link // by address: where messages come from, or should
	complains map[string]time.Time
}

// broken is set by the linker in tests of the ledger, which must find out: "fence" or "repair" is missing then.
var broken string

//go:embed lua/common.lua
var commonLua string

//go:embed lua/publish.lua
var publishLua string

//go:embed lua/read.lua
var readLua string

//go:embed lua/tails.lua
var tailsLua string

//go:embed lua/probe.lua
var probeLua string

var (
	publishScript = redis.NewScript(commonLua + publishLua)
	readScript    = redis.NewScript(commonLua + readLua)
	tailsScript   = redis.NewScript(tailsLua)
	probeScript   = redis.NewScript(probeLua)

	scripts = []*redis.Script{publishScript, readScript, tailsScript, probeScript, presentScript, leaseScript, membersScript}
)

// mute is go-redis' log. What matters of it comes back as an error, which we say ourselves, once and in our words; the library's
// log is one for the whole process, so it cannot be each broker's own.
type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

var muteOnce = sync.OnceFunc(func() { redis.SetLogger(mute{}) })

// NewRedis returns a broker, to be brought to life by Run. It connects to nothing yet.
func NewRedis(o RedisOptions) (*Redis, error) {
	muteOnce()
	url, err := parseRedisURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis: %w", err)
	}
	client, err := url.client(o.TLS)
	if err != nil {
		return nil, err
	}
	o.Prefix = cmp.Or(o.Prefix, "hubbub")
	o.Instance = cmp.Or(o.Instance, "hub")
	o.ProbeTimeout = cmp.Or(o.ProbeTimeout, 3*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Redis{
		o: o, client: client, cluster: url.kind == "cluster", name: o.Instance + "." + rand.Text()[:10],
		keys: keyspace{o.Prefix}, seen: newSeen(), up: make(map[string]*link), complains: make(map[string]time.Time),
	}
	r.questions = make(chan struct{}, questions)
	r.outbox = newOutbox(r, cmp.Or(o.QueueBytes, 64<<20))
	r.reader = &reader{r: r, wake: make(chan struct{}, 1)}
	r.follower = newFollower(r)
	r.presence = newPresence(r)
	if url.kind == "sentinel" {
		client.AddHook(&switches{r: r})
	}
	return r, nil
}

// questions is how many clients are answered at a time, each over a connection of its own. If it were larger, many who come back at once would hold
// up each other and the publishes.
const questions = 16

// question waits for a place to ask Redis something, until ctx ends at most. done gives the place back.
func (r *Redis) question(ctx context.Context) (done func(), err error) {
	select {
	case r.questions <- struct{}{}:
		return func() { <-r.questions }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

const (
	// stopWait is how long Run waits, at its end, for answers that are under way and for what was accepted to be delivered.
	stopWait = 3 * time.Second
	stopLook = 2 * time.Millisecond
)

// Run implements Broker. That Redis is away is no reason to return: what needs it waits, fails as said, and heals.
func (r *Redis) Run(ctx context.Context, to Sink) error {
	if r.running.Swap(true) {
		return errors.New("a broker was run twice")
	}
	// The parts end in an order of their own, not with ctx.
	linksCtx, endLinks := context.WithCancel(context.WithoutCancel(ctx))
	defer endLinks()
	r.linksCtx = linksCtx
	part := func(run func(context.Context)) (end func()) {
		ctx, cancel := context.WithCancel(linksCtx)
		var running sync.WaitGroup
		running.Go(func() { run(ctx) })
		return func() {
			cancel()
			running.Wait()
		}
	}
	var readerEnds []func()
	for range readers {
		readerEnds = append(readerEnds, part(r.reader.run))
	}
	endFollower := part(func(ctx context.Context) { r.follower.run(ctx, to) })
	endOutbox := part(r.outbox.run)
	endPresence := part(r.presence.run)

	turn := time.NewTicker(time.Minute)
	defer turn.Stop()
	for ctx.Err() == nil {
		select {
		case now := <-turn.C:
			r.seen.turn(now)
		case <-ctx.Done():
		}
	}
	r.outbox.stop()
	deadline := time.Now().Add(stopWait)
	// go-redis does not look at a context while it waits for an answer; without a connection nothing does.
	hangUp := sync.OnceValue(r.client.Close)
	late := time.AfterFunc(stopWait+time.Second, func() { hangUp() })
	defer late.Stop()
	for !r.outbox.idle() && time.Now().Before(deadline) {
		pause(linksCtx, stopLook)
	}
	for !r.delivered() && time.Now().Before(deadline) {
		pause(linksCtx, stopLook)
	}
	endOutbox()
	endPresence()
	endLinks()
	endFollower()
	for _, end := range readerEnds {
		end()
	}
	r.goes.Wait()
	return hangUp()
}

// delivered says whether the sink has all that this instance has seen.
func (r *Redis) delivered() bool {
	answer := make(chan bool, 1)
	return !r.follower.tell(func() { answer <- !r.follower.behind() }) || <-answer
}

// Publish implements Broker.
func (r *Redis) Publish(room string, msgs []wire.Message, done func([]Accepted)) {
	r.outbox.publish(room, msgs, done)
}

// Signal implements Broker.
func (r *Redis) Signal(room string, msg wire.Message) {
	if !r.outbox.signal(room, msg) {
		r.stats.signalsDropped.Add(1)
	}
}

// Watch implements Broker.
func (r *Redis) Watch(room string, on bool) { r.follower.watch(room, on) }

// fence is the position that a publish or a read carries.
func (r *Redis) fence(room string) place {
	if broken == "fence" {
		return place{}
	}
	return r.seen.of(room)
}

// repairs says whether holes are repaired: always, but in tests of the ledger.
func (r *Redis) repairs() bool { return broken != "repair" }

// load makes the scripts known to every server.
func (r *Redis) load(ctx context.Context) error {
	each := func(ctx context.Context, c redis.Scripter) error {
		for _, s := range scripts {
			if err := s.Load(ctx, c).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	if c, ok := r.client.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return each(ctx, node) })
	}
	return each(ctx, r.client)
}

// complainEvery is how often the same complaint is logged.
const complainEvery = 5 * time.Second

func (r *Redis) complain(what string, err error) {
	r.mu.Lock()
	now := time.Now()
	quiet := now.Sub(r.complains[what]) < complainEvery
	if !quiet {
		if len(r.complains) > 1000 {
			clear(r.complains)
		}
		r.complains[what] = now
	}
	r.mu.Unlock()
	if !quiet {
		r.o.Log.Warn("redis: "+what, "err", err)
	}
}

// leaveLinks ends the links there are; the follower makes others.
func (r *Redis) leaveLinks(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.up {
		l.end(why)
	}
}

func (r *Redis) linkUp(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.up[l.addr]; old != nil {
		l.why.Store(old.gone.Load()) // until this one can say more
	}
	r.up[l.addr] = l
}

// linksAt forgets the links to addresses where no master is any more. One that is broken is not forgotten: messages are missing.
func (r *Redis) linksAt(masters map[string]master) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for addr := range r.up {
		if _, ok := masters[addr]; !ok {
			delete(r.up, addr)
		}
	}
}

// Ready says why this instance cannot do its work, or nil: within ProbeTimeout a probe was written to and pushed by each Redis server, and
// came back here. Any goroutine may call it; it does not block.
func (r *Redis) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.up) == 0 {
		return errors.New("there is no connection to Redis yet")
	}
	for _, l := range r.up {
		if err := l.health(r.o.ProbeTimeout); err != nil {
			return err
		}
	}
	return nil
}

func uintText(n uint64) string { return strconv.FormatUint(n, 10) }

var errDiverged = errors.New("its log is not the one that was delivered from: it begins a new epoch")
