// Package nowait makes the system calls of every message, none of which waits, without a word to Go's scheduler, as the runtime
// makes those of its own poller. What package syscall tells the scheduler before and after each call is there for calls that may wait: the
// runtime's monitor wakes up for them, looks around every 20 µs, and falls asleep again. In a process that is idle between two messages
// that was a fifth of all CPU (1,000 rooms of ten in make bench). The price: whoever stops the world waits until the call is over,
// some microseconds.
//
// The functions are there on Linux only. They may be called from anywhere, and a descriptor must be open while they are.
package nowait
