package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"hubbub/internal/ledger/stage"
)

// row is a line of the table: what it stands on, and what goes wrong.
type row struct {
	name  string
	title string
	short bool // it is part of make test
	// named: it is played only if it is asked for by name. Of two masters at once nobody promises anything: until an instance has left
	// the old one, its readers may be told something else than the others', and learn of it by a new epoch.
	named bool

	store    func(context.Context, *scene) (urls []string, err error)            // nil URLs: in memory, one instance
	fault    func(context.Context, *scene) error                                 // what it broke is whole when it returns
	last     func(ctx context.Context, s *scene, answered <-chan struct{}) error // goes on until all is answered that was published; nil: nothing does
	settings []string                                                            // of the hub
	slow     int                                                                 // readers
	stall    time.Duration

	forgets     bool // the store may lose what was acked, if every reader is told
	undisturbed bool // no client may notice more than a delay
}

// everySecond are the settings of deploy/redis.conf. Of two lines for one setting Redis takes the last.
var (
	everySecond = []string{
		"appendonly yes", "appendfsync everysec", `save ""`, "maxmemory-policy noeviction",
		"client-output-buffer-limit pubsub 256mb 64mb 60", "stream-node-max-bytes 1024",
	}
	always   = append(slices.Clone(everySecond), "appendfsync always")
	onDemand = append(slices.Clone(everySecond), "appendonly no") // what was saved when, is the fault's business
)

var rows = []row{
	{name: "memory", title: "one instance in memory: none", short: true, store: memory, fault: nothing, undisturbed: true},
	{name: "memorykill", title: "one instance in memory: killed, again and again", short: true, store: memory, fault: killInstance, forgets: true},
	{name: "none", title: "none", short: true, store: one(everySecond), fault: nothing, undisturbed: true},
	{name: "pubsub", title: "pub/sub connections killed", short: true, store: one(everySecond), fault: killPubSub, last: deafenLast, undisturbed: true},
	{name: "cut", title: "TCP cut between one instance and Redis", short: true, store: proxied(everySecond), fault: cut, undisturbed: true},
	{name: "blackhole", title: "TCP black-holed between one instance and Redis", short: true, store: proxied(everySecond), fault: blackHole, undisturbed: true},
	{name: "paused", title: "Redis paused for 5 s", short: true, store: one(everySecond), fault: pauseRedis, undisturbed: true},
	{name: "aof", title: "Redis killed and restarted, AOF, fsync always", short: true, store: one(always), fault: restartRedis, undisturbed: true},
	{name: "everysec", title: "Redis killed and restarted, AOF, fsync every second", short: true, store: one(everySecond), fault: restartRedis, forgets: true, undisturbed: true},
	{name: "empty", title: "Redis restarted empty", short: true, store: one(onDemand), fault: emptyRedis, forgets: true, undisturbed: true},
	{name: "rollback", title: "rollback: Redis restarted from an older copy", short: true, store: one(onDemand), fault: rollbackRedis, forgets: true, undisturbed: true},
	{name: "killed", title: "an instance killed with -9", short: true, store: one(everySecond), fault: killInstance},
	{name: "deploy", title: "the instances stopped and started in turn, in order", short: true, store: one(everySecond), fault: deploy},
	{name: "stopped", title: "an instance paused for 10 s", short: true, store: one(everySecond), fault: pauseInstance},
	{
		name: "slow", title: "slow readers throughout, 150 messages kept", short: true, store: one(everySecond), fault: nothing, undisturbed: true,
		settings: []string{"--history-messages", "150"}, slow: 4, stall: 4 * time.Second,
	},
	{
		name: "sentinel", title: "Sentinel: the master killed, twice", store: sentinel, fault: failOver, forgets: true, undisturbed: true,
		settings: []string{"--redis-wait-replicas", "1"},
	},
	{
		name: "zombie", title: "Sentinel: the master paused, and awake again when another has its place", named: true, store: sentinel, fault: zombie,
		forgets: true, undisturbed: true, settings: []string{"--redis-wait-replicas", "1"},
	},
	{name: "slots", title: "cluster of 3 masters: slots move", store: cluster, fault: moveSlots, undisturbed: true},
	{
		name: "cluster", title: "cluster of 3 masters: a master killed, and slots move", store: cluster, fault: clusterFailOver, forgets: true, undisturbed: true,
		settings: []string{"--redis-wait-replicas", "1"},
	},
}

func memory(context.Context, *scene) ([]string, error) { return nil, nil }

// one is a single Redis.
func one(settings []string) func(context.Context, *scene) ([]string, error) {
	return func(ctx context.Context, s *scene) (urls []string, err error) {
		if s.redis, err = stage.NewRedis("redis", filepath.Join(s.dir, "redis"), settings...); err != nil {
			return nil, err
		}
		s.servers = append(s.servers, s.redis)
		return []string{redisURL(s.redis.Port)}, s.redis.Up(ctx)
	}
}

// proxied is a single Redis that the first instance reaches through a proxy.
func proxied(settings []string) func(context.Context, *scene) ([]string, error) {
	return func(ctx context.Context, s *scene) (urls []string, err error) {
		if urls, err = one(settings)(ctx, s); err != nil {
			return nil, err
		}
		if s.proxy, err = stage.NewProxy(fmt.Sprintf("127.0.0.1:%d", s.redis.Port)); err != nil {
			return nil, err
		}
		return []string{redisURL(s.proxy.Port()), urls[0]}, nil
	}
}

func redisURL(port int) string { return fmt.Sprintf("redis://127.0.0.1:%d/0", port) }

func sentinel(ctx context.Context, s *scene) (urls []string, err error) {
	s.sentinel, err = stage.NewSentinel(ctx, s.dir, everySecond...)
	s.servers = s.sentinel.All()
	return []string{s.sentinel.URL()}, err
}

func cluster(ctx context.Context, s *scene) (urls []string, err error) {
	s.cluster, err = stage.NewCluster(ctx, s.dir, everySecond...)
	s.servers = s.cluster.Nodes
	return []string{s.cluster.URL()}, err
}
