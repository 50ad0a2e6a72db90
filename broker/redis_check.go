package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Finding is something about a Redis server that whoever runs a hub on it should know.
type Finding struct {
	Server string // its address
	Fatal  bool   // the hub will not work with it; otherwise it may lose messages, which readers would be told of
	Text   string // one sentence, with what to do
}

// CheckRedis connects, tries what the broker does, and says what is wrong with each master, and what would lose messages. The error says why there is nothing to
// look at. It blocks, until ctx ends at most; it leaves nothing behind.
func CheckRedis(ctx context.Context, o RedisOptions) ([]Finding, error) {
	r, err := NewRedis(o)
	if err != nil {
		return nil, err
	}
	defer r.client.Close()
	if err := r.load(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", hint(err), err)
	}
	var found []Finding
	look := func(ctx context.Context, node *redis.Client) error {
		some, err := r.inspect(ctx, node)
		r.mu.Lock() // a cluster's are asked side by side
		defer r.mu.Unlock()
		found = append(found, some...)
		return err
	}
	switch c := r.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, look)
	case *redis.Client:
		err = look(ctx, c)
	}
	if err == nil && !slices.ContainsFunc(found, func(f Finding) bool { return f.Fatal }) {
		err = r.tryOut(ctx)
	}
	return found, err
}

// hint says what an error most likely means.
func hint(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "connection refused"):
		return "nothing listens there: is Redis running, and is the port right"
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"), strings.Contains(text, "invalid password"):
		return "the user or the password is wrong: write redis://USER:PASSWORD@HOST"
	case strings.Contains(text, "certificate required"), strings.Contains(text, "unknown certificate authority"):
		return "it wants a certificate of ours that it trusts: name one with --redis-cert and --redis-key"
	case strings.Contains(text, "certificate"), strings.Contains(text, "x509"):
		return "its certificate is not trusted: name who vouches for it with --redis-ca"
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "it does not speak TLS: write redis in place of rediss"
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(text, "i/o timeout"):
		return "it does not answer in time; if it does not speak TLS, write redis in place of rediss"
	case strings.Contains(text, "no such host"):
		return "there is no such host"
	case strings.Contains(text, "cluster support disabled"):
		return "it is no cluster: write redis:// in place of redis+cluster://"
	case strings.Contains(text, "all sentinels specified in configuration are unreachable"):
		return "no Sentinel answers, or none knows the master by that name"
	case strings.Contains(text, "NOPERM"):
		return "the user may not do what the hub does: it needs its keys, its channels, and the categories @read @write @pubsub @scripting @connection"
	case strings.Contains(text, "READONLY"):
		return "it is a replica: name the master, or its Sentinels"
	}
	return "it does not answer as Redis does"
}

// tryOut does once what the broker does all the time.
func (r *Redis) tryOut(ctx context.Context) error {
	const room = "hubbub check"
	keys := []string{r.keys.of(room, "log"), r.keys.of(room, "top"), r.keys.of(room, "k0"), r.keys.of(room, "k1")}
	defer r.client.Del(context.WithoutCancel(ctx), keys...)
	o := &outgoing{room: room, batch: &batch{number: 1, commands: []command{}}}
	if err := r.exchange(ctx, []*outgoing{o}); err != nil {
		return err
	}
	if _, err := r.page(ctx, room, "0-0", 0); err != nil {
		return fmt.Errorf("the hub's scripts do not run: %w", err)
	}
	return nil
}

// inspect looks at one server.
func (r *Redis) inspect(ctx context.Context, node *redis.Client) (found []Finding, err error) {
	addr := node.Options().Addr
	say := func(fatal bool, format string, args ...any) {
		found = append(found, Finding{Server: addr, Fatal: fatal, Text: fmt.Sprintf(format, args...)})
	}
	text, err := node.Info(ctx, "server", "replication", "persistence", "memory", "cluster").Result()
	if err != nil {
		return nil, fmt.Errorf("%s: asking %s about itself: %w", hint(err), addr, err)
	}
	info := infoOf(text)
	least, why := "6.2", "to trim logs"
	if r.cluster {
		least, why = "7.0", "for sharded pub/sub"
	}
	if older(info["redis_version"], least) {
		say(true, "it is Redis %s, and %s is needed %s: update it", info["redis_version"], least, why)
	}
	if info["cluster_enabled"] == "1" && !r.cluster {
		say(true, "it is a node of a cluster: write redis+cluster:// in place of redis://")
	}
	if info["role"] == "slave" {
		say(true, "it is a replica, which takes no writes: name the master, or its Sentinels")
	}
	if replicas, _ := strconv.Atoi(info["connected_slaves"]); replicas < r.o.WaitReplicas {
		say(true, "it has %d replicas, and --redis-wait-replicas asks for %d: no publish would ever be answered", replicas, r.o.WaitReplicas)
	}
	r.inspectConfig(ctx, node, info, say)
	return found, nil
}

// inspectConfig looks at what would lose messages.
func (r *Redis) inspectConfig(ctx context.Context, node *redis.Client, info map[string]string, say func(bool, string, ...any)) {
	config := make(map[string]string)
	for _, name := range []string{"maxmemory", "maxmemory-policy", "save", "appendfsync", "client-output-buffer-limit"} {
		got, err := node.ConfigGet(ctx, name).Result()
		if err != nil {
			say(false, "its settings cannot be read (%v), so what would lose messages cannot be said: see README for what they should be", err)
			return
		}
		config[name] = got[name]
	}
	if policy := config["maxmemory-policy"]; policy != "noeviction" {
		when := "at its limit of memory"
		if config["maxmemory"] == "0" {
			when = "once it has a limit of memory (there is none now)"
		}
		say(false, "its maxmemory-policy is %s, so %s it throws logs of rooms away: set it to noeviction", policy, when)
	}
	switch aof := info["aof_enabled"] == "1"; {
	case !aof && config["save"] == "":
		say(false, "it keeps nothing on disk, so all messages are gone when it restarts: set appendonly yes")
	case !aof:
		say(false, "it has snapshots only, so a restart loses what came since the last one: set appendonly yes")
	case config["appendfsync"] != "always":
		say(false, "appendfsync is %s, so a crash of its machine loses up to a second of messages, also answered ones: set it to always if that is too much", config["appendfsync"])
	}
	const least = 32 << 20
	fields := strings.Fields(config["client-output-buffer-limit"])
	for i := 0; i+3 < len(fields); i += 4 {
		soft, _ := strconv.ParseInt(fields[i+2], 10, 64)
		if fields[i] == "pubsub" && soft > 0 && soft < least {
			say(false, "its client-output-buffer-limit for pubsub is %s %s %s, so an instance that is slow for a moment is cut off and has to read again: set it to 256mb 64mb 60",
				fields[i+1], fields[i+2], fields[i+3])
		}
	}
}

// infoOf reads what INFO says.
func infoOf(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// older compares versions by their first two numbers.
func older(version, least string) bool {
	two := func(v string) (n [2]int) {
		for i, part := range strings.SplitN(v, ".", 3) {
			if i < 2 {
				n[i], _ = strconv.Atoi(part)
			}
		}
		return n
	}
	v, l := two(version), two(least)
	return v[0] < l[0] || v[0] == l[0] && v[1] < l[1]
}
