package testkit

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a cluster of masters that share the slots, each with as many replicas as asked for. It ends with the test.
func RedisCluster(t testing.TB, masters, replicas int) []*RedisServer {
	t.Helper()
	var nodes []*RedisServer
	var addrs []string
	for range masters * (1 + replicas) {
		s := clusterNode(t)
		nodes, addrs = append(nodes, s), append(addrs, s.Addr())
	}
	args := append([]string{"--cluster", "create"}, addrs...)
	args = append(args, "--cluster-yes", "--cluster-replicas", strconv.Itoa(replicas))
	if out, err := exec.Command("redis-cli", args...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli %q: %v\n%s", args, err, out)
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, s := range nodes {
		for !strings.Contains(s.CLI("cluster", "info"), "cluster_state:ok") {
			if time.Now().After(deadline) {
				t.Fatalf("%s finds the cluster not to be well:\n%s", s.Addr(), s.CLI("cluster", "info"))
			}
		}
	}
	return nodes
}

func clusterNode(t testing.TB) *RedisServer {
	_, bus, _ := strings.Cut(freeAddr(t), ":")
	return Redis(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000",
		"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
}

// CLI asks the server through redis-cli and returns what it says.
func (s *RedisServer) CLI(args ...string) string {
	s.t.Helper()
	_, port, _ := strings.Cut(s.addr, ":")
	out, err := exec.Command("redis-cli", append([]string{"-p", port}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %q at %s: %v\n%s", args, s.addr, err, out)
	}
	return strings.TrimSpace(string(out))
}
