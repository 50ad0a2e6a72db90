package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"hubbub/broker"
	"hubbub/internal/config"
	"hubbub/internal/retain"
)

// checkRedisSettings says what is wrong with the settings of Redis, as far as it can be seen from here.
func checkRedisSettings(p *config.Parsed) error {
	if p.Config == nil || p.Config.RedisURL == "" {
		return nil
	}
	if err := broker.CheckRedisURL(string(p.Config.RedisURL)); err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(p.Origins["redis-url"], "--redis-url"), err)
	}
	if err := broker.CheckRedisTLS(string(p.Config.RedisURL), redisTLS(p.Config)); err != nil {
		return fmt.Errorf("--redis-ca, --redis-cert, --redis-key: %w", err)
	}
	return nil
}

func redisTLS(c *config.Config) broker.RedisTLS {
	return broker.RedisTLS{CA: c.RedisCA, Cert: c.RedisCert, Key: c.RedisKey}
}

// newBroker is the broker that the settings ask for; the second result is the same one if it is over Redis, else nil.
func newBroker(c *config.Config, limits retain.Limits, log *slog.Logger) (broker.Broker, *broker.Redis, error) {
	if c.RedisURL == "" {
		return broker.NewMemory(broker.MemoryOptions{Retention: limits}), nil, nil
	}
	r, err := broker.NewRedis(redisOptions(c, limits, log))
	return r, r, err
}

func redisOptions(c *config.Config, limits retain.Limits, log *slog.Logger) broker.RedisOptions {
	return broker.RedisOptions{
		URL: string(c.RedisURL), TLS: redisTLS(c), Prefix: c.RedisPrefix, Instance: c.Instance, Retention: limits,
		WaitReplicas: c.RedisWaitReplicas, ProbeTimeout: c.RedisProbeTimeout, Log: log,
	}
}

// checkTimeout is how long `hubbub check` waits for Redis.
const checkTimeout = 10 * time.Second

// checkRedis says what is wrong with the Redis that is set, and what there would lose messages. The error is what makes it unusable.
func checkRedis(ctx context.Context, w io.Writer, c *config.Config) error {
	if c.RedisURL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := broker.CheckRedis(ctx, redisOptions(c, limitsOf(c), slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("redis at %s: %w", c.RedisURL, err)
	}
	var fatal error
	for _, f := range found {
		if f.Fatal {
			fatal = errors.Join(fatal, fmt.Errorf("redis at %s: %s", f.Server, f.Text))
		} else {
			fmt.Fprintf(w, "Redis at %s: %s.\n", f.Server, f.Text)
		}
	}
	if fatal == nil && len(found) == 0 {
		fmt.Fprintf(w, "Redis at %s is fine, and set to lose nothing.\n", c.RedisURL)
	}
	return fatal
}
