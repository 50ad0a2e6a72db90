package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// now is the one clock of schedules and latencies. It is the machine's, so that a message that one process stamps can be
// timed by another.
var now = func() func() time.Duration {
	start := time.Now()
	var since unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &since) != nil {
		since = unix.Timespec{} // a clock of our own, which one process alone can use
	}
	offset := time.Duration(since.Nano())
	return func() time.Duration { return offset + time.Since(start) }
}()
