package main

import (
	"cmp"
	"fmt"
	"log/slog"

	"hubbub/broker"
	"hubbub/internal/config"
	"hubbub/internal/retain"
)

// checkRedisURL says what is wrong with --redis-url, if it is set.
func checkRedisURL(p *config.Parsed) error {
	if p.Config == nil || p.Config.RedisURL == "" {
		return nil
	}
	if err := broker.CheckRedisURL(string(p.Config.RedisURL)); err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(p.Origins["redis-url"], "--redis-url"), err)
	}
	return nil
}

// newBroker is the broker that the settings ask for; the second result is the same one if it is over Redis, else nil.
func newBroker(c *config.Config, limits retain.Limits, log *slog.Logger) (broker.Broker, *broker.Redis, error) {
	if c.RedisURL == "" {
		return broker.NewMemory(broker.MemoryOptions{Retention: limits}), nil, nil
	}
	r, err := broker.NewRedis(broker.RedisOptions{
		URL: string(c.RedisURL), Prefix: c.RedisPrefix, Instance: c.Instance, Retention: limits,
		WaitReplicas: c.RedisWaitReplicas, ProbeTimeout: c.RedisProbeTimeout, Log: log,
	})
	return r, r, err
}
