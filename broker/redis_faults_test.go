package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// everyone awaits a position at each hub and compares what each heard with the log.
func everyone(all []*hub, room string, at wire.Position, resets int) {
	for _, h := range all {
		h.t.Helper()
		a := h.reaches(room, at)
		h.agrees(room)
		if a.watchings != 1 || a.resets != resets || a.gone != 0 {
			h.t.Errorf("%s: watched %d times, %d resets, %d gone; want once, %d and none", room, a.watchings, a.resets, a.gone, resets)
		}
	}
}

// Connections that messages are pushed on may break at any time: nobody lacks anything.
func TestRedisPushesCut(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	all := hubs(t, broker.RedisOptions{URL: server.URL()}, 3)
	for _, h := range all {
		h.watch("lobby")
	}
	var at wire.Position
	for i := range 300 {
		if i%20 == 10 {
			all[0].cut(server)
		}
		at = all[i%2].put("lobby", fmt.Sprint(i))
	}
	if at.Offset != 300 {
		t.Errorf("300 messages are %d", at.Offset)
	}
	everyone(all, "lobby", at, 0)
}

// A server that is killed and comes back with all that it has answered costs nobody anything.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, testkit.Durable()...)
	all := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
	rooms := []string{"lobby", "hall"}
	for _, h := range all {
		for _, room := range rooms {
			h.watch(room)
		}
	}
	at := map[string]wire.Position{}
	for i := range 5 {
		for j := range 20 {
			room := rooms[j%2]
			at[room] = all[j%3%2].put(room, fmt.Sprint(i, j))
		}
		server.Kill()
		server.Start()
	}
	for _, room := range rooms {
		at[room] = all[1].put(room, "last")
		if at[room].Offset != 51 {
			t.Errorf("%s: 51 messages are %d", room, at[room].Offset)
		}
		everyone(all, room, at[room], 0)
	}
}

// A server that comes back with nothing begins new epochs, each told once, and all goes on.
func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	all := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
	for _, h := range all {
		h.watch("lobby")
		h.watch("quiet")
	}
	before, quiet := all[0].put("lobby", "a"), all[0].put("quiet", "a")
	everyone(all, "lobby", before, 0)
	everyone(all, "quiet", quiet, 0)
	server.Kill()
	server.Start()
	for _, h := range all {
		h.await("quiet", "a new epoch", func(a account) bool { return a.resets == 1 && a.epoch != quiet.Epoch && a.last == 0 })
	}
	at := all[0].put("lobby", "b")
	if at.Epoch == before.Epoch || at.Offset != 1 {
		t.Errorf("%v is followed by %v", before, at)
	}
	everyone(all, "lobby", at, 1)
	everyone(all, "quiet", all[1].put("quiet", "b"), 1)
}

// rollback sets a server back to what it was when its backup was made.
func rollback(server *testkit.RedisServer, backup string) {
	server.Kill()
	server.Restore(backup)
	server.Start()
}

// A server that lost its tail begins a new epoch, whoever is first to notice: no offset of the old one is used for another message.
func TestRedisRolledBack(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"listeners", "watchers", "publisher", "newcomer", "reader"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			server := testkit.Redis(t, testkit.Durable()...)
			line := testkit.NewRelay(t, server.Addr())
			o := broker.RedisOptions{URL: "redis://" + line.Addr(), Prefix: prefixFor()}
			all := hubs(t, o, 2)
			for _, h := range all {
				h.watch("lobby")
			}
			direct := startHub(t, broker.RedisOptions{URL: server.URL(), Prefix: o.Prefix})
			publishes := all[0]
			if first == "listeners" { // they have heard it, and nothing else
				publishes = direct
			}
			publishes.put("lobby", "kept")
			backup := server.Backup()
			publishes.put("lobby", "lost 1")
			before := publishes.put("lobby", "lost 2")
			for _, h := range all { // the log is not read: that would be another way to have seen it
				h.reaches("lobby", before)
			}
			if first == "publisher" {
				before = direct.put("lobby", "lost 3")
				for _, h := range all {
					h.reaches("lobby", before)
				}
			}
			if first == "reader" {
				if p := direct.log("lobby"); p.Last != before.Offset {
					t.Errorf("the log ends at %d", p.Last)
				}
			}

			if first == "listeners" {
				direct.stop()
				direct = all[0]
			}
			line.Hold()
			line.Cut()
			rollback(server, backup)
			var at wire.Position
			switch first {
			case "publisher", "newcomer": // who does not know what there was uses offsets again, as many as there were
				for i := range 2 {
					at = direct.put("lobby", fmt.Sprint("other ", i+1))
				}
				if reused := at.Epoch == before.Epoch; reused != (first == "newcomer") {
					t.Errorf("%v is followed by %v", before, at)
				}
			case "reader":
				if p := direct.log("lobby"); p.Epoch == before.Epoch {
					t.Errorf("who has read up to %v is given a log up to %d of the same epoch", before, p.Last)
				}
			}
			line.Pass()
			for _, h := range all { // at the seam, if the offsets are what they were
				h.await("lobby", "a new epoch", func(a account) bool { return a.resets > 0 })
			}
			for _, h := range append(all, direct) {
				at = h.put("lobby", "after")
			}
			if at.Epoch == before.Epoch {
				t.Errorf("%v is followed by %v", before, at)
			}
			for _, h := range all {
				a := h.reaches("lobby", at)
				h.agrees("lobby")
				if a.resets == 0 || a.resets > 2 || a.watchings != 1 {
					t.Errorf("%d resets, watched %d times", a.resets, a.watchings)
				}
				where := map[wire.Position]string{}
				for _, m := range a.heard {
					if there, ok := where[m.at]; ok {
						t.Errorf("%v is %q and %q", m.at, there, m.payload)
					}
					where[m.at] = m.payload
				}
			}
		})
	}
}

// What is in the log and was never pushed is found by the look at the logs' ends.
func TestRedisPushDeaf(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	all := hubs(t, o, 2)
	for _, h := range all {
		h.watch("lobby")
	}
	at := all[0].put("lobby", "pushed")
	everyone(all, "lobby", at, 0)
	m := say("stored")
	key, id, c := o.Prefix+":{lobby}:", fmt.Sprintf("%d-2", broker.EpochNumber(at.Epoch)), bare(t, server)
	if err := c.Do(t.Context(), "xadd", key+"log", id, "1", broker.AppendBlob(nil, &m)).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.HSet(t.Context(), key+"top", "o", 2).Err(); err != nil {
		t.Fatal(err)
	}
	if n := c.Persist(t.Context(), key+"top").Val(); n {
		t.Log("the position would have been forgotten")
	}
	c.PExpire(t.Context(), key+"top", time.Minute)
	at.Offset++
	for _, h := range all {
		h.LookAtTails()
	}
	everyone(all, "lobby", at, 0)
	for _, h := range all {
		if n := h.Stats().Deaf; n != 1 {
			t.Errorf("%d rooms were found deaf", n)
		}
	}
	if left := c.PTTL(t.Context(), key+"top").Val(); left < 50*time.Minute {
		t.Errorf("the position of a room that is watched is forgotten in %v", left)
	}
}

// A line on which nothing comes any more, without a word, is given up; what it would have brought comes otherwise.
func TestRedisLineBlackHoled(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	line := testkit.NewRelay(t, server.Addr())
	o := broker.RedisOptions{URL: server.URL(), Prefix: prefixFor()}
	there := startHub(t, o)
	o.URL = "redis://" + line.Addr()
	here := startHub(t, o)
	all := []*hub{here, there}
	for _, h := range all {
		h.watch("lobby")
	}
	eventually(t, "readiness", func() bool { return here.Ready() == nil })
	line.Hold()
	at := there.put("lobby", "a")
	eventually(t, "the loss of readiness", func() bool { return here.Ready() != nil })
	if a := here.try("lobby", say("b"))[0]; a.Err == nil {
		t.Error("it was published")
	}
	eventually(t, "the end of the line", func() bool { return here.Stats().LinksLost > 0 })
	line.Cut()
	line.Pass()
	here.reaches("lobby", at)
	at = here.put("lobby", "c")
	for _, h := range all {
		h.reaches("lobby", at)
		h.agrees("lobby")
	}
	eventually(t, "readiness", func() bool { return here.Ready() == nil })
}

// While Redis is away publishes are refused when their time is over, or at once if too much waits, and it is said why. Then all heals.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, testkit.Durable()...)
	all := hubs(t, broker.RedisOptions{URL: server.URL(), QueueBytes: 100_000}, 2)
	for _, h := range all {
		h.watch("lobby")
		eventually(t, "readiness", func() bool { return h.Ready() == nil })
	}
	at := all[0].put("lobby", "before")
	everyone(all, "lobby", at, 0)
	server.Kill()
	answers := make(chan broker.Accepted, 300)
	start := time.Now()
	for range cap(answers) {
		all[0].Publish("lobby", []wire.Message{say(strings.Repeat("x", 1000))}, func(a []broker.Accepted) { answers <- a[0] })
	}
	full := 0
	for range cap(answers) {
		select {
		case a := <-answers:
			e, ok := a.Err.(*wire.Error)
			if !ok || e.Code != wire.Unavailable || e.RetryAfter == 0 {
				t.Fatalf("answered with %+v", a)
			}
			if strings.Contains(e.Message, "more to deliver") {
				full++
			}
		case <-time.After(patience):
			t.Fatal("a publish was not answered")
		}
	}
	if full < 200 || full == cap(answers) {
		t.Errorf("%d of %d were too much", full, cap(answers))
	}
	if waited := time.Since(start); waited < 4*time.Second {
		t.Errorf("all were answered after %v: there was time for Redis to come back", waited)
	}
	all[1].Watch("unknown", true)
	all[1].Redis.Signal("lobby", say("lost"))
	if _, err := all[1].History(t.Context(), "lobby", wire.Position{}, 1); err == nil {
		t.Error("there is history")
	}
	if _, _, err := all[1].Members(t.Context(), "lobby", 1); err == nil {
		t.Error("there are members")
	}
	for _, h := range all {
		if err := h.Ready(); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("Ready says %v", err)
		}
	}
	server.Start()
	at = all[1].put("lobby", "after")
	everyone(all, "lobby", at, 0)
	if at.Offset != 2 {
		t.Errorf("of what was refused something is there: %v", at)
	}
	all[1].await("unknown", "Watching", func(a account) bool { return a.watchings == 1 })
	for _, h := range all {
		eventually(t, "readiness", func() bool { return h.Ready() == nil })
	}
}

// A server that stands still is as good as away, and what was under way is not done twice when it goes on.
func TestRedisPaused(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	all := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
	for _, h := range all {
		h.watch("lobby")
	}
	all[0].put("lobby", "before")
	server.Pause()
	answers := make(chan broker.Accepted, 1)
	all[0].Publish("lobby", []wire.Message{say("during")}, func(a []broker.Accepted) { answers <- a[0] })
	for _, h := range all {
		eventually(t, "the end of the line", func() bool { return h.Stats().LinksLost > 0 })
	}
	server.Resume()
	switch a := <-answers; {
	case a.Err == nil && a.Position.Offset != 2:
		t.Errorf("answered with %+v", a)
	case a.Err != nil:
		t.Log(a.Err) // it may be there or not
	}
	at := all[1].put("lobby", "after")
	everyone(all, "lobby", at, 0)
	if n := len(all[0].log("lobby").Messages); n > 3 || uint64(n) != at.Offset {
		t.Errorf("three messages are %d, the last one %d", n, at.Offset)
	}
}

// Run ends soon, with everything answered, whatever has become of Redis.
func TestRedisStops(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*testkit.RedisServer){
		"well": func(*testkit.RedisServer) {}, "paused": (*testkit.RedisServer).Pause, "away": (*testkit.RedisServer).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Redis(t)
			h := startHub(t, broker.RedisOptions{URL: server.URL()})
			for i := range 20 {
				h.watch(fmt.Sprint(i))
				h.Present(fmt.Sprint(i), "alice", 1)
			}
			h.put("lobby", "before")
			fault(server)
			h.LookAtTails()
			answers := make(chan broker.Accepted, 60)
			for i := range cap(answers) {
				h.Publish(fmt.Sprint(i%20), []wire.Message{say("x")}, func(a []broker.Accepted) { answers <- a[0] })
			}
			start := time.Now()
			h.stop()
			// Four seconds are promised; what is more is the machine's.
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(answers) != cap(answers) {
				t.Errorf("%d of %d are answered", len(answers), cap(answers))
			}
			for range len(answers) {
				if a := <-answers; a.Err == nil && name != "well" {
					t.Errorf("answered with %+v", a)
				}
			}
		})
	}
}

// A server that has forgotten the scripts, as one does that was restarted or promoted, is told them again.
func TestRedisScriptsForgotten(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	h := startHub(t, broker.RedisOptions{URL: server.URL()})
	h.watch("lobby")
	c := bare(t, server)
	for _, use := range []func(){
		func() { h.reaches("lobby", h.put("lobby", "a")) },
		func() { h.watch("hall") },
		func() { h.log("lobby") },
		func() { h.Present("lobby", "alice", 1); h.awaitMembers("lobby", member("alice", 1)) },
	} {
		if err := c.ScriptFlush(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		use()
	}
}
