package broker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// room is a room's keys in a Redis of its own, and the script that publishes to it.
type room struct {
	t    *testing.T
	c    *redis.Client
	text string
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, c: bare(t, testkit.Redis(t))}
	for _, name := range []string{"common", "publish"} {
		text, err := os.ReadFile("lua/" + name + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		r.text += string(text)
	}
	return r
}

// attempt is one run of the script.
type attempt struct {
	instance string
	number   int
	seen     string // epoch and offset
	keep     string // messages, bytes and milliseconds
	messages []string
	keys     []string // nil: none has one
}

func (r *room) run(a attempt) (words []string) {
	r.t.Helper()
	if a.seen == "" {
		a.seen = "0 0"
	}
	if a.keep == "" {
		a.keep = "0 0 0"
	}
	args := []any{"push", "PUBLISH", a.instance, a.number}
	for _, s := range strings.Fields(a.seen + " " + a.keep) {
		args = append(args, s)
	}
	args = append(args, len(a.messages))
	if a.keys == nil {
		args = append(args, "0", strings.Join(a.messages, ""))
	} else {
		args = append(args, "1")
		for i, m := range a.messages {
			args = append(args, a.keys[i], m)
		}
	}
	words, err := r.c.Eval(context.Background(), r.text, []string{"log", "top", "k0", "k1"}, args...).StringSlice()
	if err != nil {
		r.t.Fatal(err)
	}
	return words
}

// log is what is stored, oldest first: offset of the last message of a batch, number, and messages.
func (r *room) log() (all []string) {
	r.t.Helper()
	for _, e := range r.c.XRange(context.Background(), "log", "-", "+").Val() {
		_, offset, _ := strings.Cut(e.ID, "-")
		for n, data := range e.Values {
			all = append(all, fmt.Sprint(offset, " ", n, " ", data))
		}
	}
	return all
}

func (r *room) same(what string, want, got []string) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Whatever way attempts, retries and later batches of one instance come to run, each batch is stored once.
func TestPublishScriptRepeats(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	sub := r.c.Subscribe(context.Background(), "push")
	t.Cleanup(func() { sub.Close() })
	if _, err := sub.Receive(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := r.run(attempt{instance: "a", number: 1, messages: []string{"1", "2"}})
	epoch := first[0]
	r.same("a batch", []string{epoch, "2", ""}, first)
	r.same("its retry", first, r.run(attempt{instance: "a", number: 1, messages: []string{"1", "2"}}))
	r.same("another instance's", []string{epoch, "3", ""}, r.run(attempt{instance: "b", number: 1, messages: []string{"3"}}))
	r.same("the retry after that", first, r.run(attempt{instance: "a", number: 1, messages: []string{"1", "2"}}))
	next := attempt{instance: "a", number: 5, messages: []string{"4", "5"}, keys: []string{"x", ""}}
	r.same("the next", []string{epoch, "5", "+ +"}, r.run(next))
	r.same("its retry", []string{epoch, "5", "+ +"}, r.run(next))
	r.same("the first, overtaken", []string{"stale"}, r.run(attempt{instance: "a", number: 1, messages: []string{"1", "2"}}))
	r.same("one that was given up, overtaken", []string{"stale"}, r.run(attempt{instance: "a", number: 4, messages: []string{"0"}}))
	r.same("the log", []string{"2 2 12", "3 1 3", "5 2 45"}, r.log())
	if err := r.c.Publish(context.Background(), "push", "end").Err(); err != nil {
		t.Fatal(err)
	}
	var pushed []string
	for len(pushed) == 0 || pushed[len(pushed)-1] != "end" {
		m, err := sub.ReceiveMessage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		pushed = append(pushed, strings.ReplaceAll(m.Payload, epoch, "e"))
	}
	r.same("pushed", []string{"Ee", "Me 1\n12", "Me 3\n3", "Me 4\n45", "end"}, pushed)
}

// A client's retry at another instance is known by its key, also when the first attempt runs after it.
func TestPublishScriptKeys(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	retried := r.run(attempt{instance: "b", number: 9, messages: []string{"m"}, keys: []string{"k"}})
	epoch := retried[0]
	at := epoch + "-1"
	r.same("the retry", []string{epoch, "1", "+"}, retried)
	r.same("the first attempt", []string{epoch, "1", at}, r.run(attempt{instance: "a", number: 1, messages: []string{"m"}, keys: []string{"k"}}))
	r.same("its own retry", []string{epoch, "1", at}, r.run(attempt{instance: "a", number: 1, messages: []string{"m"}, keys: []string{"k"}}))
	r.same("among others", []string{epoch, "3", "+ " + at + " " + epoch + "-2 +"},
		r.run(attempt{instance: "a", number: 2, messages: []string{"n", "m", "n", "o"}, keys: []string{"l", "k", "l", ""}}))
	r.same("the log", []string{"1 1 m", "3 2 no"}, r.log())

	// In a new epoch a key still stands for the old one's message.
	again := r.run(attempt{instance: "a", number: 3, seen: epoch + " 100", messages: []string{"m", "p"}, keys: []string{"k", "p"}})
	if again[0] == epoch || again[1] != "1" || again[2] != at+" +" {
		t.Errorf("behind %s-3 it is answered with %v", epoch, again)
	}
}

// Keys lie in two hashes that take turns. Both are looked into; each goes as a whole, when its turn comes again.
func TestPublishScriptKeySlices(t *testing.T) {
	t.Parallel()
	r, ctx := newRoom(t), context.Background()
	for n := 1; ; n++ {
		r.c.FlushDB(ctx)
		now := r.c.Time(ctx).Val().Unix()
		slice := now / 300
		young, old := fmt.Sprint("k", slice%2), fmt.Sprint("k", (slice+1)%2)
		r.c.HSet(ctx, young, "young", "7-1")
		r.c.HSet(ctx, old, "old", "7-2")
		got := r.run(attempt{instance: "a", number: n, messages: []string{"a", "b", "c"}, keys: []string{"young", "old", "new"}})
		if r.c.Time(ctx).Val().Unix()/300 != slice {
			continue // the turn came between
		}
		if got[2] != "7-1 7-2 +" {
			t.Errorf("it is answered with %v", got)
		}
		if all := r.c.HGetAll(ctx, young).Val(); len(all) != 2 || all["new"] != got[0]+"-1" {
			t.Errorf("the young hash has %v", all)
		}
		if at, want := r.c.ExpireTime(ctx, young).Val(), time.Duration((slice+2)*300)*time.Second; at != want {
			t.Errorf("the young hash goes at %v, want %v", at, want)
		}
		return
	}
}

// A server behind what was seen begins an epoch that is larger than each that is known, of the log and the clock, too.
func TestPublishScriptFence(t *testing.T) {
	t.Parallel()
	r, ctx := newRoom(t), context.Background()
	number := 0
	publish := func(seen string) (e, offset int64) {
		t.Helper()
		number++
		words := r.run(attempt{instance: "a", number: number, seen: seen, messages: []string{strconv.Itoa(number)}})
		e, _ = strconv.ParseInt(words[0], 10, 64)
		offset, _ = strconv.ParseInt(words[1], 10, 64)
		return e, offset
	}
	is := func(what string, e, offset, wantE, wantOffset int64) {
		t.Helper()
		if e != wantE || offset != wantOffset {
			t.Errorf("%s: %d/%d, want %d/%d", what, e, offset, wantE, wantOffset)
		}
	}
	first, offset := publish("0 0")
	is("the first", first, offset, first, 1)
	if clock := r.c.Time(ctx).Val().UnixMicro(); first > clock || first < clock-60e6 {
		t.Errorf("the epoch is %d at %d", first, clock)
	}
	seen := func(e, offset int64) string { return fmt.Sprint(e, " ", offset) }
	e, offset := publish(seen(first, 1))
	is("seen all", e, offset, first, 2)
	e, offset = publish(seen(first-1, 1000))
	is("seen an older epoch", e, offset, first, 3)
	e, offset = publish(seen(first, 4))
	if e <= first || offset != 1 {
		t.Errorf("seen more: %d/%d", e, offset)
	}
	far := int64(1) << 52
	e, offset = publish(seen(far, 1))
	is("seen a later epoch", e, offset, far+1, 1)
	r.c.Del(ctx, "top")
	e, offset = publish("0 0")
	is("the position is forgotten, the log is not", e, offset, far+2, 1)
	e, offset = publish(seen(far+2, 1))
	is("after that", e, offset, far+2, 2)
	if ids := r.c.XRange(ctx, "log", "-", "+").Val(); ids[len(ids)-1].ID != fmt.Sprint(far+2, "-", 2) {
		t.Errorf("the last one is %s", ids[len(ids)-1].ID)
	}
}

// What is too old or too much goes, by checkpoints: no entry says how old or how large it is.
func TestPublishScriptTrims(t *testing.T) {
	t.Parallel()
	t.Run("age", func(t *testing.T) {
		t.Parallel()
		r, ctx := newRoom(t), context.Background()
		const keep = "0 0 160000" // of which a sixteenth is ten seconds
		r.run(attempt{instance: "a", number: 1, keep: keep, messages: []string{"a"}})
		r.run(attempt{instance: "a", number: 2, keep: keep, messages: []string{"b"}})
		cp := r.c.HGet(ctx, "top", "cp").Val()
		if n := strings.Count(cp, ";"); n < 1 || n > 2 {
			t.Errorf("two messages leave the checkpoints %s", cp)
		}
		if left := r.c.PTTL(ctx, "log").Val(); left <= 160*time.Second || left > 182*time.Second {
			t.Errorf("the log goes in %v", left)
		}
		if left := r.c.PTTL(ctx, "top").Val(); left <= time.Hour {
			t.Errorf("the position goes in %v", left)
		}
		now := r.c.Time(ctx).Val().Unix()
		age := func(seconds int64) { // as if the first message were that old, and the second ten seconds younger
			r.c.HSet(ctx, "top", "cp", fmt.Sprintf("1:65:%d;2:130:%d;", now-seconds, now-seconds+10), "ct", now-seconds+10)
		}
		age(100)
		r.run(attempt{instance: "a", number: 3, keep: keep, messages: []string{"c"}})
		r.same("after 100 s", []string{"1 1 a", "2 1 b", "3 1 c"}, r.log())
		age(161)
		r.run(attempt{instance: "a", number: 4, keep: keep, messages: []string{"d"}})
		r.same("after 161 s", []string{"2 1 b", "3 1 c", "4 1 d"}, r.log())
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		r, ctx := newRoom(t), context.Background()
		for i := range 400 {
			r.run(attempt{instance: "a", number: i + 1, keep: "0 16000 0", messages: []string{strings.Repeat("x", 36)}}) // 100 each
		}
		if n := r.c.XLen(ctx, "log").Val(); n < 160 || n > 171 {
			t.Errorf("of 16,000 bytes at 100 a message and 1,000 a checkpoint %d messages are kept", n)
		}
		if n := strings.Count(r.c.HGet(ctx, "top", "cp").Val(), ";"); n > 17 {
			t.Errorf("there are %d checkpoints", n)
		}
		if left := r.c.PTTL(ctx, "top").Val(); left != -1 {
			t.Errorf("without an age the position goes in %v", left)
		}
	})
}

// Instances that are long gone leave nothing behind in a room, and those that are not keep their numbers.
func TestPublishScriptForgetsInstances(t *testing.T) {
	t.Parallel()
	r, ctx := newRoom(t), context.Background()
	now := r.c.Time(ctx).Val().Unix()
	for i := range 50 {
		r.c.HSet(ctx, "top", fmt.Sprint("iold", i), fmt.Sprintf("7 %d 1 1 ", now-3700))
	}
	r.c.HSet(ctx, "top", "irecent", fmt.Sprintf("7 %d 1 1 ", now-3500))
	r.run(attempt{instance: "a", number: 1, messages: []string{"a"}})
	left := map[string]bool{}
	for _, field := range r.c.HKeys(ctx, "top").Val() {
		left[field] = field[0] == 'i'
	}
	if !left["irecent"] || !left["ia"] || len(left) > 8 {
		t.Errorf("%v are left", left)
	}
}

// A room that ages is not kept, and its readers are told what is gone.
func TestRedisAges(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor(), Retention: retain.Limits{Age: time.Second}}
	h := startHub(t, o)
	at := h.put("lobby", "a")
	eventually(t, "it is too old", func() bool {
		p := h.log("lobby")
		return len(p.Messages) == 0 && p.First == 2 && p.Last == 1 && p.Epoch == at.Epoch
	})
	if a := h.watch("lobby"); a.last != 1 || len(a.heard) != 0 {
		t.Errorf("it is watched at %d with %v", a.last, a.heard)
	}
	at.Offset++
	if next := h.put("lobby", "b"); next != at {
		t.Errorf("%v follows", next)
	}
}

// With WaitReplicas an answer means that a replica has it, and without a replica there is none.
func TestRedisWaitsForReplicas(t *testing.T) {
	t.Parallel()
	master := testkit.Redis(t)
	replica := master.Replica()
	h := startHub(t, broker.RedisOptions{URL: master.URL(), Prefix: "p", WaitReplicas: 1})
	h.watch("lobby")
	c := bare(t, replica)
	for i := range 50 {
		at := h.put("lobby", fmt.Sprint(i))
		if o := c.HGet(t.Context(), "p:{lobby}:top", "o").Val(); o != fmt.Sprint(at.Offset) {
			t.Fatalf("%v is answered, the replica is at %s", at, o)
		}
	}
	replica.Kill()
	a := h.try("lobby", say("alone"))[0]
	if e := new(wire.Error); !errors.As(a.Err, &e) || e.Code != wire.Unavailable {
		t.Errorf("without a replica it is answered with %+v", a)
	}
	replica.Start()
	at := h.put("lobby", "together")
	if at.Offset != 52 {
		t.Errorf("50 messages, one that was not answered and one that was are %d", at.Offset)
	}
	everyone([]*hub{h}, "lobby", at, 0)
}
