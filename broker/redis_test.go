package broker_test

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"

	"hubbub/broker"
	"hubbub/broker/brokertest"
	"hubbub/internal/testkit"
)

// redisAt makes brokers with a truth of their own at a URL.
func redisAt(url string) brokertest.Factory {
	return func(t *testing.T, o brokertest.Options) []broker.Broker {
		prefix := rand.Text()
		var all []broker.Broker
		for range o.Instances {
			all = append(all, newRedis(t, broker.RedisOptions{URL: url, Prefix: prefix, Retention: o.Retention}))
		}
		return all
	}
}

func newRedis(t *testing.T, o broker.RedisOptions) *broker.Redis {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b, err := broker.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRedis(t *testing.T) { brokertest.Run(t, redisAt(testkit.Redis(t).URL())) }

func TestRedisCluster(t *testing.T) {
	var addrs []string
	for _, n := range testkit.RedisCluster(t, 3, 0) {
		addrs = append(addrs, n.Addr())
	}
	brokertest.Run(t, redisAt("redis+cluster://"+strings.Join(addrs, ",")))
}
