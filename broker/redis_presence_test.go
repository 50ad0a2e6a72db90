package broker_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"hubbub/broker"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// members is who is in a room, and false if that cannot be had now.
func (h *hub) members(room string) ([]wire.Member, bool) {
	h.t.Helper()
	n, list, err := h.Members(context.Background(), room, 1000)
	if err == nil && n != len(list) {
		h.t.Errorf("%s: %d members, %v are listed", room, n, list)
	}
	return list, err == nil
}

func (h *hub) awaitMembers(room string, want ...wire.Member) {
	h.t.Helper()
	var list []wire.Member
	eventually(h.t, fmt.Sprint(want), func() (ok bool) {
		list, ok = h.members(room)
		return ok && (len(list) == 0 && len(want) == 0 || cmp.Equal(list, want))
	})
}

func member(client string, connections int) wire.Member {
	return wire.Member{Client: client, Connections: connections}
}

// Whoever is here is so with its first connection anywhere and until its last one, and each is told once, to all.
func TestRedisPresence(t *testing.T) {
	t.Parallel()
	two := hubs(t, broker.RedisOptions{URL: testkit.Redis(t).URL()}, 2)
	for _, h := range two {
		h.watch("lobby")
	}
	two[0].Present("lobby", "alice", 1)
	two[0].awaitMembers("lobby", member("alice", 1))
	two[1].Present("lobby", "alice", 2)
	two[1].awaitMembers("lobby", member("alice", 3))
	two[0].Present("lobby", "alice", 0)
	two[0].awaitMembers("lobby", member("alice", 2))
	two[0].Present("lobby", "bob", 1)
	two[0].awaitMembers("lobby", member("alice", 2), member("bob", 1))
	two[1].Present("lobby", "alice", 0)
	for _, h := range two {
		a := h.await("lobby", "alice's leave", func(a account) bool { return len(a.left) > 0 })
		if diff := cmp.Diff([][]string{{"alice", "bob"}, {"alice"}, {"alice", "alice"}}, [][]string{a.joined, a.left, a.known}); diff != "" || a.count != 1 {
			t.Errorf("%d members, heard: %s", a.count, diff)
		}
	}
}

// lease makes the lease of a hub run out at a time of the server, in milliseconds from now; long ago: 0.
func (h *hub) lease(c *redis.Client, prefix string, left int64) {
	h.t.Helper()
	score := 0.0
	if left != 0 {
		now, err := c.Time(context.Background()).Result()
		if err != nil {
			h.t.Fatal(err)
		}
		score = float64(now.UnixMilli() + left)
	}
	if err := c.ZAddXX(context.Background(), prefix+"!{hub}:leases", redis.Z{Score: score, Member: h.Lease()}).Err(); err != nil {
		h.t.Fatal(err)
	}
}

// An instance that Redis does not hear of any more is cleared up behind, once; when it is back, so are its members.
func TestRedisPresenceOfTheDead(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	line := testkit.NewRelay(t, server.Addr())
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	others := hubs(t, o, 2)
	dead := startHub(t, broker.RedisOptions{URL: "redis://" + line.Addr(), Prefix: o.Prefix})
	for _, h := range append(others, dead) {
		h.watch("lobby")
	}
	dead.Present("lobby", "alice", 1)
	dead.Present("lobby", "bob", 1)
	dead.Present("hall", "bob", 1)
	others[1].Present("lobby", "bob", 1)
	others[0].awaitMembers("lobby", member("alice", 1), member("bob", 2))
	others[0].awaitMembers("hall", member("bob", 1))

	line.Hold()
	dead.lease(bare(t, server), o.Prefix, 0)
	others[0].awaitMembers("lobby", member("bob", 1))
	others[0].awaitMembers("hall")
	for _, h := range others {
		h.await("lobby", "alice's leave", func(a account) bool { return len(a.left) > 0 })
	}
	line.Pass()
	others[0].awaitMembers("lobby", member("alice", 1), member("bob", 2))
	others[0].awaitMembers("hall", member("bob", 1))
	for _, h := range others {
		a := h.await("lobby", "alice's return", func(a account) bool { return len(a.joined) > 2 })
		if diff := cmp.Diff([]string{"alice"}, a.left); diff != "" || a.joined[2] != "alice" || a.count != 2 {
			t.Errorf("%d members, left: %s, joined: %v", a.count, diff, a.joined)
		}
	}
	dead.stop()
	others[0].awaitMembers("lobby", member("bob", 1))
	others[0].awaitMembers("hall")
}

// A Redis that stood still lets leases run out, or nearly: that is nobody's death.
func TestRedisPresenceAfterPause(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	c := bare(t, server)
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	two := hubs(t, o, 2)
	for i, h := range two {
		h.watch("lobby")
		h.Present("lobby", fmt.Sprint("client", i), 1)
	}
	here := []wire.Member{member("client0", 1), member("client1", 1)}
	two[0].awaitMembers("lobby", here...)
	for _, left := range []int64{0, 1500} { // of the one; the other's has run out
		leases := []string{two[0].Lease(), two[1].Lease()}
		two[0].lease(c, o.Prefix, left)
		two[1].lease(c, o.Prefix, 0)
		eventually(t, "both leases are renewed", func() bool {
			scores := c.ZMScore(context.Background(), o.Prefix+"!{hub}:leases", leases...).Val()
			now := float64(c.Time(context.Background()).Val().UnixMilli())
			return len(scores) == 2 && scores[0] > now+2000 && scores[1] > now+2000 || two[1].Lease() != leases[1]
		})
		if two[0].Lease() != leases[0] || two[1].Lease() != leases[1] {
			t.Errorf("with %d ms left to the one the other was declared dead", left)
		}
	}
	two[0].awaitMembers("lobby", here...)
	for _, h := range two {
		if a := h.of("lobby"); len(a.left) != 0 || a.count != 2 {
			t.Errorf("%v left, %d are here", a.left, a.count)
		}
	}
}

// Only who has renewed his own lease in good time says that others are dead.
func TestLeaseScriptJudges(t *testing.T) {
	t.Parallel()
	c, ctx := bare(t, testkit.Redis(t)), context.Background()
	text, err := os.ReadFile("lua/lease.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		left     float64 // of the judge's lease, milliseconds; 0: there is none
		new, may string
		says     []string
	}{
		{-1, "0", "1", []string{"late"}},
		{19_000, "0", "1", []string{"late"}},
		{59_000, "0", "0", []string{"kept"}},
		{59_000, "0", "1", []string{"kept", "other"}},
		{0, "0", "1", []string{"lost"}},
		{0, "1", "1", []string{"kept"}},
	} {
		c.FlushDB(ctx)
		now := float64(c.Time(ctx).Val().UnixMilli())
		c.ZAdd(ctx, "leases", redis.Z{Score: now - 1000, Member: "other"})
		if x.left != 0 {
			c.ZAdd(ctx, "leases", redis.Z{Score: now + x.left, Member: "judge"})
		}
		says, err := c.Eval(ctx, string(text), []string{"leases", "dead"}, "judge", 60_000, x.new, x.may).StringSlice()
		if diff := cmp.Diff(x.says, says); diff != "" || err != nil {
			t.Errorf("%+v: %s %v", x, diff, err)
		}
		if score := c.ZScore(ctx, "leases", "judge").Val(); (score >= now+60_000) != (x.says[0] != "lost") {
			t.Errorf("%+v: the lease is at %v", x, score-now)
		}
	}
}

// An empty Redis is told again who is here, each as often as it is.
func TestRedisPresenceAfterLoss(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	two := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
	for i, h := range two {
		h.watch("lobby")
		h.Present("lobby", "alice", 1)
		h.Present("lobby", fmt.Sprint("client", i), 1)
	}
	here := []wire.Member{member("alice", 2), member("client0", 1), member("client1", 1)}
	two[0].awaitMembers("lobby", here...)
	leases := []string{two[0].Lease(), two[1].Lease()}
	server.Kill()
	server.Start()
	for i, h := range two {
		eventually(t, "a new lease", func() bool { return h.Lease() != leases[i] })
	}
	two[0].awaitMembers("lobby", here...)
	for _, h := range two {
		h.await("lobby", "the count", func(a account) bool { return a.count == 3 })
		h.Present("lobby", "alice", 0)
	}
	two[0].awaitMembers("lobby", here[1:]...)
	for _, h := range two {
		h.await("lobby", "the count without alice", func(a account) bool { return a.count == 2 })
	}
}

// An attempt that was stalled and runs after a later one says what was, not what is.
func TestRedisPresenceStalledAttempt(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	c, ctx := bare(t, server), context.Background()
	text, err := os.ReadFile("lua/present.lua")
	if err != nil {
		t.Fatal(err)
	}
	run := func(mode string, number uint64, args ...any) {
		t.Helper()
		args = append([]any{"push", "PUBLISH", mode, number}, args...)
		if err := c.Eval(ctx, string(text), []string{"who", "here", "top"}, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when string, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, c.HGetAll(ctx, "who").Val()); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	run("some", 1, "alice", 1, "bob", 1)
	run("some", 3, "alice", 0)
	run("some", 2, "alice", 1)
	is("after a stalled one", map[string]string{"bob": "1"})
	run("some", 3, "alice", 0)
	run("full", 4)
	run("some", 2, "alice", 1)
	is("after a stalled one in an empty room", map[string]string{})
	if left := c.PTTL(ctx, "here").Val(); left <= 0 {
		t.Errorf("what is remembered of an empty room stays for %v", left)
	}
	run("some", 5, "carol", 2)
	is("after somebody has come", map[string]string{"carol": "2"})
	if left := c.PTTL(ctx, "here").Val(); left > 0 {
		t.Errorf("a room with somebody in it is forgotten after %v", left)
	}
	run("full", broker.LastNumber)
	run("full", 6, "carol", 2)
	is("after it was cleared", map[string]string{})
}

// Names nobody reads are not pushed, nor is it said what was missed: then the count is what is known.
func TestRedisPresenceCounts(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	h := startHub(t, o)
	h.watch("lobby")
	for range 2 { // the second time they are known already
		counts := h.of("lobby").counts
		crowd := newHub(t, o)
		for i := range 300 {
			crowd.Present("lobby", fmt.Sprint("client", i), 1)
		}
		crowd.run()
		a := h.await("lobby", "the count", func(a account) bool { return a.counts > counts })
		if a.count != 300 || a.joined != nil {
			t.Errorf("%d are here, and %v have joined", a.count, a.joined)
		}
	}
	counts := h.of("lobby").counts
	if err := bare(t, server).HIncrBy(t.Context(), o.Prefix+":{lobby}:top", "v", 1).Err(); err != nil { // a change that was not heard
		t.Fatal(err)
	}
	h.Present("lobby", "alice", 1)
	a := h.await("lobby", "the count", func(a account) bool { return a.counts > counts })
	if a.count != 301 || a.joined != nil {
		t.Errorf("%d are here, and %v have joined", a.count, a.joined)
	}
	h.Present("lobby", "bob", 1)
	h.await("lobby", "bob", func(a account) bool { return a.count == 302 && cmp.Equal(a.joined, []string{"bob"}) })
}

// A Redis that is emptied under our feet, without a connection lost, is noticed all the same: by what is published, by the look at the
// logs' ends, by the lease.
func TestRedisFlushed(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	two := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
	for _, h := range two {
		h.watch("lobby")
		h.watch("quiet")
		h.Present("lobby", "alice", 1)
	}
	lobby, quiet := two[0].put("lobby", "a"), two[0].put("quiet", "a")
	everyone(two, "lobby", lobby, 0)
	everyone(two, "quiet", quiet, 0)
	two[0].awaitMembers("lobby", member("alice", 2))
	server.CLI("flushall")
	two[0].Present("lobby", "alice", 2) // said under a lease that is not there any more
	at := two[1].put("lobby", "b")
	if at.Epoch == lobby.Epoch || at.Offset != 1 {
		t.Errorf("%v is followed by %v", lobby, at)
	}
	everyone(two, "lobby", at, 1)
	for _, h := range two {
		h.LookAtTails()
		h.await("quiet", "a new epoch", func(a account) bool { return a.resets == 1 })
	}
	two[0].awaitMembers("lobby", member("alice", 3))
	two[1].Present("lobby", "alice", 0)
	two[0].awaitMembers("lobby", member("alice", 2))
}

// A Redis that is set back may know the lease and not all that was said under it. It is told, and whoever clears up will find it.
func TestRedisPresenceRolledBack(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, testkit.Durable()...)
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	h := startHub(t, o)
	for _, room := range []string{"lobby", "hall", "left"} {
		h.watch(room)
	}
	h.Present("lobby", "alice", 1)
	h.Present("left", "alice", 1)
	h.awaitMembers("left", member("alice", 1))
	h.awaitMembers("lobby", member("alice", 1))
	backup, lease := server.Backup(), h.Lease()
	h.Present("hall", "bob", 1)
	h.Present("lobby", "alice", 2)
	h.Present("left", "alice", 0)
	h.awaitMembers("hall", member("bob", 1))
	h.awaitMembers("left")
	rollback(server, backup)
	h.awaitMembers("hall", member("bob", 1))
	h.awaitMembers("lobby", member("alice", 2))
	h.awaitMembers("left")
	c := bare(t, server)
	eventually(t, "what is to be cleared is known", func() bool {
		rooms := c.SMembers(context.Background(), o.Prefix+"!{hub}:rooms:"+h.Lease()).Val()
		slices.Sort(rooms)
		return slices.Equal(rooms, []string{"hall", "lobby"})
	})
	if h.Lease() != lease {
		t.Error("the lease is another one") // then this has shown nothing
	}
}
