package broker_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/internal/testkit"
)

// check is what CheckRedis finds, in one string; fatal findings are marked.
func check(t *testing.T, o broker.RedisOptions) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found, err := broker.CheckRedis(ctx, o)
	var all []string
	for _, f := range found {
		if f.Fatal {
			f.Text = "FATAL " + f.Text
		}
		all = append(all, f.Text)
	}
	return strings.Join(all, "\n"), err
}

func TestCheckRedis(t *testing.T) {
	good := []string{"--appendonly", "yes", "--appendfsync", "always", "--client-output-buffer-limit", "pubsub 256mb 64mb 60"}
	for _, c := range []struct {
		name string
		args []string
		o    broker.RedisOptions
		want []string // each is in what is found, and nothing else is found
	}{
		{"well set", good, broker.RedisOptions{}, nil},
		{"as it comes", nil, broker.RedisOptions{}, []string{"keeps nothing on disk", "client-output-buffer-limit"}},
		{"snapshots", append(good, "--appendonly", "no", "--save", "60 1"), broker.RedisOptions{}, []string{"snapshots only"}},
		{"every second", append(good, "--appendfsync", "everysec"), broker.RedisOptions{}, []string{"up to a second"}},
		{"evicting", append(good, "--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"), broker.RedisOptions{}, []string{"volatile-lru, so at its limit"}},
		{"evicting some day", append(good, "--maxmemory-policy", "allkeys-lru"), broker.RedisOptions{}, []string{"once it has a limit"}},
		{"no replica", good, broker.RedisOptions{WaitReplicas: 1}, []string{"FATAL it has 0 replicas"}},
		{"silent about itself", append(good, "--rename-command", "CONFIG", ""), broker.RedisOptions{}, []string{"cannot be read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := testkit.Redis(t, c.args...)
			c.o.URL = server.URL()
			found, err := check(t, c.o)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(found, "\n")
			if found == "" {
				lines = nil
			}
			for i, want := range c.want {
				if i >= len(lines) || !strings.Contains(lines[i], want) {
					t.Errorf("it found\n%s\nwant %q in line %d", found, want, i+1)
				}
			}
			if len(lines) > len(c.want) {
				t.Errorf("it found more:\n%s", found)
			}
			if keys := server.CLI("--raw", "keys", "*"); keys != "" {
				t.Errorf("it left %q behind", keys)
			}
		})
	}
}

func TestCheckRedisUnusable(t *testing.T) {
	server := testkit.Redis(t, "--requirepass", "secret")
	replica := testkit.Redis(t, "--replicaof", strings.Replace(testkit.Redis(t).Addr(), ":", " ", 1))
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, c := range []struct{ url, want string }{
		{"redis://" + server.Addr(), "the user or the password is wrong"},
		{"redis://:wrong@" + server.Addr(), "the user or the password is wrong"},
		{"redis://" + mute.Addr().String(), "it does not answer in time"},
		{"rediss://:secret@" + server.Addr(), "write redis in place of rediss"},
		{"redis+cluster://:secret@" + server.Addr(), "write redis:// in place of redis+cluster://"},
		{"redis+sentinel://:secret@" + server.Addr() + "/master", "no Sentinel answers"},
		{"redis://nowhere.invalid", "there is no such host"},
		{"redis://" + replica.Addr(), "name the master"},
		{"redis:/x", "it has no scheme"},
	} {
		found, err := check(t, broker.RedisOptions{URL: c.url})
		if err == nil && !strings.Contains(found, "FATAL ") || err != nil && !strings.Contains(err.Error(), c.want) || err == nil && !strings.Contains(found, c.want) {
			t.Errorf("%s: %v, %q; want %q", c.url, err, found, c.want)
		}
	}
	closed := mute.Addr().String()
	mute.Close()
	if _, err := check(t, broker.RedisOptions{URL: "redis://" + closed}); err == nil || !strings.Contains(err.Error(), "nothing listens there") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestCheckRedisCluster(t *testing.T) {
	node := testkit.RedisCluster(t, 3, 0)[1]
	found, err := check(t, broker.RedisOptions{URL: "redis+cluster://" + node.Addr()})
	if n := strings.Count(found, "keeps nothing on disk"); err != nil || n != 3 {
		t.Errorf("%d of three masters were looked at: %v\n%s", n, err, found)
	}
	found, _ = check(t, broker.RedisOptions{URL: node.URL()})
	if !strings.Contains(found, "FATAL it is a node of a cluster") {
		t.Errorf("one node of a cluster: %s", found)
	}
}
