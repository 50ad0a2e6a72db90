package broker_test

import (
	"crypto/rand"
	"log/slog"
	"testing"

	"hubbub/broker"
	"hubbub/broker/brokertest"
	"hubbub/internal/testkit"
)

func TestRedis(t *testing.T) {
	server := testkit.Redis(t)
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) []broker.Broker {
		prefix := rand.Text()
		var all []broker.Broker
		for range o.Instances {
			b, err := broker.NewRedis(broker.RedisOptions{URL: server.URL(), Prefix: prefix, Retention: o.Retention, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	})
}
