package main

import (
	"context"
	"time"

	"hubbub/internal/ledger/stage"
)

// A fault that can happen often happens until the publishing ends, so that some logs have their last messages just
// then: nothing that is published later helps a reader to find out.

func nothing(context.Context, *scene) error { return nil }

// killPubSub ends what the instances listen on.
func killPubSub(ctx context.Context, s *scene) error {
	for s.between(ctx, 100, 700) {
		if err := s.killListeners(ctx); err != nil {
			return err
		}
	}
	return nil
}

// deafenLast ends it so often that hardly anybody listens to what is published last: no link lives as long as it takes to replace one.
func deafenLast(ctx context.Context, s *scene, answered <-chan struct{}) error {
	for {
		if err := s.killListeners(ctx); err != nil {
			return err
		}
		select {
		case <-answered:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *scene) killListeners(ctx context.Context) error {
	_, err := s.redis.Do(ctx, "CLIENT", "KILL", "TYPE", "pubsub")
	return err
}

// cut resets the first instance's connections, and now and then refuses new ones for a while.
func cut(ctx context.Context, s *scene) error {
	for s.between(ctx, 100, 1000) {
		long := s.random.IntN(3) == 0
		s.proxy.Refuse(long)
		s.proxy.Cut()
		if long {
			wait(ctx, time.Duration(s.random.IntN(1500))*time.Millisecond)
			s.proxy.Refuse(false)
		}
	}
	s.proxy.Cut()
	return nil
}

// blackHole lets nothing through to the first instance, or nothing from it, or neither, each for six seconds, which is longer
// than any silence that is normal. What was held then arrives late, or never.
func blackHole(ctx context.Context, s *scene) error {
	ways := [][]stage.Direction{{stage.Requests, stage.Answers}, {stage.Answers}, {stage.Requests}}
	s.random.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
	for i := 0; s.between(ctx, 500, 1500); i++ {
		s.proxy.Hold(ways[i%len(ways)]...)
		wait(ctx, 6*time.Second)
		if s.random.IntN(2) == 0 {
			s.proxy.Cut()
		}
		s.proxy.Release()
	}
	return nil
}

// pauseRedis stops Redis where it stands, for 5 s.
func pauseRedis(ctx context.Context, s *scene) error {
	for s.part(ctx, 0.25) {
		s.redis.Pause()
		wait(ctx, 5*time.Second)
		s.redis.Resume()
	}
	return nil
}

// restartRedis kills Redis and starts it again a little later.
func restartRedis(ctx context.Context, s *scene) error {
	for s.between(ctx, 500, 3000) {
		s.redis.Kill()
		wait(ctx, time.Duration(s.random.IntN(1500))*time.Millisecond)
		if err := s.redis.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// emptyRedis makes Redis forget everything, twice.
func emptyRedis(ctx context.Context, s *scene) error {
	for range 2 {
		s.part(ctx, 0.35)
		s.redis.Kill()
		if err := s.redis.Empty(); err != nil {
			return err
		}
		wait(ctx, time.Duration(s.random.IntN(1000))*time.Millisecond)
		if err := s.redis.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rollbackRedis sets Redis back to an older state, twice.
func rollbackRedis(ctx context.Context, s *scene) error {
	for range 2 {
		s.part(ctx, 0.15)
		if err := s.redis.Keep(ctx); err != nil {
			return err
		}
		s.part(ctx, 0.2)
		s.redis.Kill()
		if err := s.redis.Rollback(); err != nil {
			return err
		}
		wait(ctx, time.Duration(s.random.IntN(500))*time.Millisecond)
		if err := s.redis.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killInstance kills one instance or another, and starts it again.
func killInstance(ctx context.Context, s *scene) error {
	for s.between(ctx, 500, 3000) {
		h := s.hubs[s.random.IntN(len(s.hubs))]
		h.Kill()
		wait(ctx, time.Duration(s.random.IntN(1500))*time.Millisecond)
		if err := h.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// deploy stops each instance in order, as a deploy does, and starts it again, one after the other.
func deploy(ctx context.Context, s *scene) error {
	for i := 0; s.between(ctx, 500, 2000); i++ {
		h := s.hubs[i%len(s.hubs)]
		if err := h.Stop(); err != nil {
			return err
		}
		if err := h.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pauseInstance stops an instance where it stands, for longer than its lease lasts.
func pauseInstance(ctx context.Context, s *scene) error {
	for s.part(ctx, 0.25) {
		h := s.hubs[s.random.IntN(len(s.hubs))]
		h.Pause()
		wait(ctx, 10*time.Second)
		h.Resume()
	}
	return nil
}

// failOver kills the master, and starts it again once another has its place; twice.
func failOver(ctx context.Context, s *scene) error {
	return replaceMaster(ctx, s, (*stage.Redis).Kill, func(r *stage.Redis) error { return r.Up(ctx) })
}

// zombie pauses the master until another has its place. It wakes up in the belief that it still is the master, does what it had been
// told before, and pushes it to every instance that has not left it.
func zombie(ctx context.Context, s *scene) error {
	return replaceMaster(ctx, s, (*stage.Redis).Pause, func(r *stage.Redis) error { r.Resume(); return nil })
}

func replaceMaster(ctx context.Context, s *scene, goes func(*stage.Redis), returns func(*stage.Redis) error) error {
	for range 2 {
		s.part(ctx, 0.3)
		master, err := s.sentinel.Master(ctx)
		if err != nil {
			return err
		}
		goes(master)
		if err := s.sentinel.Replaced(ctx, master); err != nil {
			return err
		}
		wait(ctx, time.Duration(s.random.IntN(2000))*time.Millisecond)
		if err := returns(master); err != nil {
			return err
		}
		if err := s.sentinel.Linked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// moveSlots takes slots with keys from one master to another.
func moveSlots(ctx context.Context, s *scene) error {
	for s.between(ctx, 300, 1500) {
		if err := moveSlot(ctx, s); err != nil {
			return err
		}
	}
	return s.cluster.Whole(ctx)
}

func moveSlot(ctx context.Context, s *scene) error {
	masters, err := s.cluster.Masters(ctx)
	if err != nil {
		return err
	}
	i := s.random.IntN(len(masters))
	from, to := masters[i], masters[(i+1)%len(masters)]
	slot, found, err := s.cluster.Slot(ctx, from)
	if err != nil || !found {
		return err
	}
	return s.cluster.Move(ctx, slot, from, to)
}

// clusterFailOver kills a master that has keys, and moves slots before and after.
func clusterFailOver(ctx context.Context, s *scene) error {
	s.part(ctx, 0.2)
	if err := moveSlot(ctx, s); err != nil {
		return err
	}
	s.part(ctx, 0.2)
	masters, err := s.cluster.Masters(ctx)
	if err != nil {
		return err
	}
	dead := masters[s.random.IntN(len(masters))]
	for _, r := range masters {
		if _, found, err := s.cluster.Slot(ctx, r); err == nil && found {
			dead = r
		}
	}
	dead.Kill()
	if err := s.cluster.Failover(ctx, dead); err != nil {
		return err
	}
	wait(ctx, time.Duration(s.random.IntN(2000))*time.Millisecond)
	if err := dead.Up(ctx); err != nil {
		return err
	}
	if err := s.cluster.Whole(ctx); err != nil {
		return err
	}
	return moveSlot(ctx, s)
}
