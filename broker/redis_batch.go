package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/wire"
)

// batch is what is sent in one go: publishes, and the signals behind them.
type batch struct {
	number   uint64
	commands []command
	n        int // messages
	signals  int // behind them
	deadline time.Time

	sent   bool       // it was sent already, and without success
	script *redis.Cmd // nil: there are no messages
	waited *redis.Cmd // nil: no replicas were asked for
	last   place      // of its last message, by the script's answer
}

var errReplicas = errors.New("not enough replicas have it")

// enough says whether as many replicas as were asked for have the batch.
func (b *batch) enough(replicas int) error {
	if replicas == 0 || b.waited == nil {
		return nil
	}
	n, err := b.waited.Int64()
	if err == nil && n < int64(replicas) {
		err = fmt.Errorf("%w: %d of %d", errReplicas, n, replicas)
	}
	return err
}

// answers reads what the script said of a batch.
func (r *Redis) answers(b *batch) ([]Accepted, error) {
	result, err := b.script.Slice()
	if err == nil {
		err = b.enough(r.o.WaitReplicas)
	}
	if err != nil {
		return nil, err
	}
	var text [3]string
	for i := range min(len(result), 3) {
		text[i], _ = result[i].(string)
	}
	var ok bool
	if b.last, ok = parseID(text[0] + "-" + text[1]); !ok {
		return nil, fmt.Errorf("%w: %.100q", errCorrupt, result)
	}
	words := strings.Fields(text[2])
	if text[2] != "" && len(words) != b.n {
		return nil, fmt.Errorf("%w: %.100q", errCorrupt, result)
	}
	answers, at := make([]Accepted, b.n), b.last
	epoch := at.epoch.String()
	for i := b.n - 1; i >= 0; i-- {
		if len(words) == 0 || words[i] == "+" {
			answers[i].Position = wire.Position{Epoch: epoch, Offset: at.offset}
			at.offset--
			continue
		}
		first, ok := parseID(words[i])
		if !ok {
			return nil, fmt.Errorf("%w: %.100q", errCorrupt, result)
		}
		answers[i] = Accepted{Position: first.position(), Duplicate: true}
	}
	return answers, nil
}

// exchange sends batches in one go, in a cluster that is to wait for replicas one go for each master.
func (r *Redis) exchange(ctx context.Context, rooms []*outgoing) error {
	c, ok := r.client.(*redis.ClusterClient)
	if !ok || r.o.WaitReplicas == 0 {
		return r.exchangeWith(ctx, r.client.Pipeline(), rooms)
	}
	masters := make(map[*redis.Client][]*outgoing)
	var failed error
	for _, o := range rooms {
		node, err := c.MasterForKey(ctx, r.keys.channel(o.room))
		if err != nil {
			o.batch.script = redis.NewCmdResult(nil, err)
			failed = err
			continue
		}
		masters[node] = append(masters[node], o)
	}
	for node, some := range masters {
		if err := r.exchangeWith(ctx, node.Pipeline(), some); err != nil {
			failed = err
			r.reload() // this client of one node follows no redirection
		}
	}
	return failed
}

func (r *Redis) exchangeWith(ctx context.Context, pipe redis.Pipeliner, rooms []*outgoing) error {
	for _, o := range rooms {
		r.put(ctx, pipe, o)
	}
	var waited *redis.Cmd
	if r.o.WaitReplicas > 0 {
		waited = pipe.Do(ctx, "wait", r.o.WaitReplicas, (redisTimeout / 2).Milliseconds())
	}
	for _, o := range rooms {
		o.batch.waited = waited
	}
	cmds, err := pipe.Exec(ctx)
	if unknown(cmds) {
		err = cmp.Or(r.load(ctx), err)
	}
	return err
}

// put puts a batch into a pipeline, and the signals behind it.
func (r *Redis) put(ctx context.Context, pipe redis.Pipeliner, o *outgoing) {
	b, verb, channel := o.batch, verbOf(r.cluster), r.keys.channel(o.room)
	if b.n > 0 {
		seen := r.fence(o.room)
		args := append(make([]any, 0, 13+2*b.n),
			channel, verb, r.name, b.number, uint64(seen.epoch), seen.offset,
			r.o.Retention.Messages, r.o.Retention.Bytes, r.o.Retention.Age.Milliseconds(), b.n)
		keys := []string{r.keys.of(o.room, "log"), r.keys.of(o.room, "top"), r.keys.of(o.room, "k0"), r.keys.of(o.room, "k1")}
		b.script = publishScript.EvalSha(ctx, pipe, keys, b.appendArgs(args)...)
	}
	if b.signals == 0 || b.sent {
		return // signals are worth something for a moment
	}
	for i := range b.commands {
		if c := &b.commands[i]; c.signal {
			text := appendBlob([]byte{pushSignal}, &c.msgs[0])
			if r.cluster {
				pipe.SPublish(ctx, channel, text)
			} else {
				pipe.Publish(ctx, channel, text)
			}
		}
	}
}

// appendArgs appends the messages: as one string, or, if one has a client key, each behind its key.
func (b *batch) appendArgs(args []any) []any {
	keyed, size := false, 0
	for m := range b.messages() {
		keyed = keyed || m.Key != ""
		size += len(m.Payload) + len(m.Client) + len(m.Except) + 32
	}
	if !keyed {
		data := make([]byte, 0, size)
		for m := range b.messages() {
			data = appendBlob(data, m)
		}
		return append(args, "0", data)
	}
	args = append(args, "1")
	for m := range b.messages() {
		args = append(args, clientKey(m), appendBlob(nil, m))
	}
	return args
}

func (b *batch) messages() iter.Seq[*wire.Message] {
	return func(yield func(*wire.Message) bool) {
		for i := range b.commands {
			if b.commands[i].signal {
				continue
			}
			for j := range b.commands[i].msgs {
				if !yield(&b.commands[i].msgs[j]) {
					return
				}
			}
		}
	}
}
