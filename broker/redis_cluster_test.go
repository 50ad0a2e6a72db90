package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"hubbub/broker"
	"hubbub/internal/testkit"
)

// A slot that moves takes its rooms along, also to a master that has no other: who watches them misses nothing.
func TestRedisClusterSlotMoves(t *testing.T) {
	t.Parallel()
	nodes := testkit.RedisCluster(t, 3, 0)
	fresh := testkit.JoinRedisCluster(t, nodes)
	all := hubs(t, broker.RedisOptions{URL: "redis+cluster://" + addrsOf(nodes), Prefix: "p"}, 2)
	rooms := []string{"moving", "other", "third", "fourth"}
	for _, h := range all {
		for _, room := range rooms {
			h.watch(room)
			h.put(room, "before")
		}
		h.Present("moving", "alice", 1)
	}
	all[0].awaitMembers("moving", member("alice", 2))
	key := "p:{moving}:top"
	slot, from := nodes[0].Slot(key), testkit.MasterOf(t, nodes, key)
	for i, to := range []*testkit.RedisServer{fresh, from} {
		source := []*testkit.RedisServer{from, fresh}[i]
		testkit.MoveSlot(slot, source, to, append(nodes, fresh))
		for j, h := range all {
			for _, room := range rooms {
				at := h.put(room, fmt.Sprint("after ", i, j))
				everyone(all, room, at, 0)
			}
			if j == 0 {
				h.watch(fmt.Sprint("new", i))
			}
		}
		for _, h := range all {
			eventually(t, "readiness", func() bool { return h.Ready() == nil })
		}
	}
	all[1].Present("moving", "alice", 0)
	all[1].awaitMembers("moving", member("alice", 1))
}

// A master that dies is replaced by its replica, and nobody has to do anything.
func TestRedisClusterFailover(t *testing.T) {
	t.Parallel()
	nodes := testkit.RedisCluster(t, 3, 1)
	o := broker.RedisOptions{URL: "redis+cluster://" + addrsOf(nodes), Prefix: "p"}
	all := hubs(t, o, 1)
	o.WaitReplicas = 1
	careful := startHub(t, o)
	all = append(all, careful)
	var rooms []string
	for i := range 6 {
		rooms = append(rooms, fmt.Sprint("room ", i))
	}
	for _, h := range all {
		for _, room := range rooms {
			h.watch(room)
			careful.put(room, "before")
		}
	}
	dead := testkit.MasterOf(t, nodes, "p:{room 0}:top")
	dead.Kill()
	for _, h := range all {
		eventually(t, "that it is missed", func() bool { return h.Ready() != nil })
	}
	for _, room := range rooms {
		at := all[0].put(room, "after") // careful has no replica to wait for any more
		if at.Offset != 3 {
			t.Errorf("%s: three messages are %d", room, at.Offset)
		}
		everyone(all, room, at, 0)
	}
	for _, h := range all {
		eventually(t, "readiness", func() bool { return h.Ready() == nil })
	}
}

// Behind Sentinels another server may take over, which has what was answered if replicas are waited for.
func TestRedisSentinelFailover(t *testing.T) {
	t.Parallel()
	master := testkit.Redis(t)
	replica := master.Replica()
	var addrs []string
	for _, s := range testkit.RedisSentinels(t, 3, "mymaster", master) {
		addrs = append(addrs, s.Addr())
	}
	url := "redis+sentinel://" + strings.Join(addrs, ",") + "/mymaster"
	careful := startHub(t, broker.RedisOptions{URL: url, Prefix: "p", WaitReplicas: 1})
	all := append(hubs(t, broker.RedisOptions{URL: url, Prefix: "p"}, 1), careful)
	for _, h := range all {
		h.watch("lobby")
	}
	for i := range 20 {
		careful.put("lobby", fmt.Sprint(i))
	}
	before := careful.put("lobby", "last")
	everyone(all, "lobby", before, 0)
	master.Kill()
	at := all[0].put("lobby", "after") // careful has no replica to wait for any more
	if at.Epoch != before.Epoch || at.Offset != before.Offset+1 {
		t.Errorf("%v is followed by %v", before, at)
	}
	everyone(all, "lobby", at, 0)
	for _, h := range all {
		eventually(t, "readiness", func() bool { return h.Ready() == nil })
	}
	if said := replica.CLI("role"); !strings.HasPrefix(said, "master") {
		t.Errorf("the replica is %s", said)
	}
}
