package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"hubbub/hub"
)

const (
	// tidyLook is how often an instance looks whether it has fallen quiet.
	tidyLook = time.Second
	// tidyQuiet is how many looks in a row must have seen nothing move.
	tidyQuiet = 3
	// tidyRest is the least time between two collections: an instance that hears one message now and then shall not collect for each.
	tidyRest = 10 * time.Second
	// tidyWorth is how many bytes of garbage are worth a collection.
	tidyWorth = 4 << 20
)

// tidy gives memory back when an instance has fallen quiet. After a burst, ten thousand handshakes say, half of the heap is garbage,
// and without this it stays for two minutes or, with the system's view of it, for ever: Go collects when the heap has doubled, and
// sockets that are idle do not make it grow. It costs one collection in a quiet moment. It blocks until ctx ends.
func tidy(ctx context.Context, stats func() hub.Stats) error {
	look := time.NewTicker(tidyLook)
	defer look.Stop()
	var q quiet
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-look.C:
			if q.due(now, movement(stats()), garbage()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// quiet decides when to collect.
type quiet struct {
	moved uint64    // at the last look
	still int       // looks in a row without movement
	last  time.Time // when it was last due
}

func (q *quiet) due(now time.Time, moved uint64, garbage int64) bool {
	if moved != q.moved {
		q.moved, q.still = moved, 0
		return false
	}
	if q.still++; q.still < tidyQuiet || garbage < tidyWorth || now.Sub(q.last) < tidyRest {
		return false
	}
	q.last = now
	return true
}

// movement changes whenever messages or connections come or go; pings do not count.
func movement(s hub.Stats) uint64 {
	n := s.MessagesIn + s.Delivered
	for _, c := range s.Connections {
		n += uint64(c)
	}
	for _, c := range s.Closes {
		n += 2 * c // not once: a close takes one away from Connections
	}
	return n
}

// garbage is how many bytes a collection may give back: what came since the last one, and what that one
// freed without the system hearing of it.
func garbage() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64()+sample[1].Value.Uint64()) - int64(sample[2].Value.Uint64())
}
