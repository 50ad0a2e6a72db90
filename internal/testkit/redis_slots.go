package testkit

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// JoinRedisCluster adds a master without slots.
func JoinRedisCluster(t testing.TB, nodes []*RedisServer) *RedisServer {
	t.Helper()
	s := clusterNode(t)
	if out, err := exec.Command("redis-cli", "--cluster", "add-node", s.addr, nodes[0].addr).CombinedOutput(); err != nil {
		t.Fatalf("add-node: %v\n%s", err, out)
	}
	for _, n := range append(nodes, s) {
		n.AwaitCLI("cluster_known_nodes:"+strconv.Itoa(len(nodes)+1), "cluster", "info")
		n.AwaitCLI("cluster_state:ok", "cluster", "info")
	}
	return s
}

// Slot is where a key is kept.
func (s *RedisServer) Slot(key string) string { return s.CLI("cluster", "keyslot", key) }

// MasterOf is the node that has a slot.
func MasterOf(t testing.TB, nodes []*RedisServer, key string) *RedisServer {
	t.Helper()
	for _, n := range nodes {
		// A master without the key's slot says MOVED.
		if said := n.CLI("exists", key); !strings.Contains(said, "MOVED") && strings.Contains(n.CLI("role"), "master") {
			return n
		}
	}
	t.Fatalf("nobody has %s", key)
	return nil
}

// MoveSlot moves a slot and all that is in it, while both serve it.
func MoveSlot(slot string, from, to *RedisServer, all []*RedisServer) {
	target, source := to.CLI("cluster", "myid"), from.CLI("cluster", "myid")
	to.CLI("cluster", "setslot", slot, "importing", source)
	from.CLI("cluster", "setslot", slot, "migrating", target)
	host, port, _ := splitAddr(to.addr)
	for {
		keys := strings.Fields(from.CLI("cluster", "getkeysinslot", slot, "100"))
		if len(keys) == 0 {
			break
		}
		from.CLI(append([]string{"migrate", host, port, "", "0", "5000", "keys"}, keys...)...)
	}
	to.CLI("cluster", "setslot", slot, "node", target)
	for _, n := range all {
		n.CLI("cluster", "setslot", slot, "node", target)
	}
}
