package testkit

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RedisSentinels are n Sentinels that watch a master under a name, two of which have to agree that it is gone. They end with the test.
func RedisSentinels(t testing.TB, n int, name string, master *RedisServer) (all []*RedisServer) {
	t.Helper()
	host, port, _ := splitAddr(master.addr)
	for range n {
		s := &RedisServer{t: t, dir: t.TempDir(), addr: freeAddr(t)}
		conf := filepath.Join(s.dir, "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 4000\n", name, host, port, name, name)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.sentinel = conf
		s.Start()
		t.Cleanup(s.Kill)
		all = append(all, s)
	}
	for _, s := range all { // they find each other, and the replicas, by the master
		s.AwaitCLI(fmt.Sprintf("num-other-sentinels\n%d\n", n-1), "sentinel", "master", name)
		s.AwaitCLI("name\n", "sentinel", "replicas", name)
	}
	return all
}

// AwaitCLI asks the server until what it says contains want.
func (s *RedisServer) AwaitCLI(want string, args ...string) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		said := strings.ReplaceAll(s.CLI(args...), "\r", "")
		if strings.Contains(said, want) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s, asked for %q, does not come to say %q: %s", s.addr, args, want, said)
		}
	}
}

func splitAddr(addr string) (host, port string, err error) { return net.SplitHostPort(addr) }
