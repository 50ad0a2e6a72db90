package broker_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hubbub/broker"
	"hubbub/internal/retain"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// counter is a sink that counts.
type counter struct{ delivered atomic.Int64 }

func (c *counter) Watching(string, wire.Position, []*wire.Message) {}
func (c *counter) Deliver(_, _ string, run []*wire.Message)        { c.delivered.Add(int64(len(run))) }
func (c *counter) Reset(string, wire.Position)                     {}
func (c *counter) Signal(string, wire.Message)                     {}

// BenchmarkRedis publishes through one broker and hears it at two, with many publishes on their way at once. Beside the time it says
// what a message costs this process and Redis, in microseconds of CPU.
func BenchmarkRedis(b *testing.B) {
	for _, rooms := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) { benchRedis(b, rooms) })
	}
}

func benchRedis(b *testing.B, rooms int) {
	server := testkit.Redis(b)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var brokers []*broker.Redis
	var sinks []*counter
	for range 2 {
		r, err := broker.NewRedis(broker.RedisOptions{URL: server.URL(), Retention: retain.Limits{Messages: 1000, Bytes: 16 << 20, Age: 24 * time.Hour}})
		if err != nil {
			b.Fatal(err)
		}
		s := new(counter)
		brokers, sinks = append(brokers, r), append(sinks, s)
		running.Go(func() { r.Run(ctx, s) })
		for room := range rooms {
			r.Watch(strconv.Itoa(room), true)
		}
	}
	defer running.Wait()
	defer cancel()
	for room := range rooms { // all are watched when each has been heard twice
		for before := sinks[0].delivered.Load() + sinks[1].delivered.Load(); sinks[0].delivered.Load()+sinks[1].delivered.Load() < before+2; {
			done := make(chan struct{})
			before = sinks[0].delivered.Load() + sinks[1].delivered.Load()
			brokers[0].Publish(strconv.Itoa(room), []wire.Message{{Client: "a"}}, func([]broker.Accepted) { close(done) })
			<-done
			runtime.Gosched()
		}
	}
	start := sinks[0].delivered.Load() + sinks[1].delivered.Load()
	payload := make([]byte, 200)
	window := make(chan struct{}, 64*rooms)
	mine, theirs := cpu(b, os.Getpid()), cpu(b, server.PID())
	b.ResetTimer()
	for i := range b.N {
		window <- struct{}{}
		brokers[i%2].Publish(strconv.Itoa(i%rooms), []wire.Message{{Client: "alice", Time: 1, Kind: wire.KindJSON, Payload: payload}}, func(a []broker.Accepted) {
			if a[0].Err != nil {
				b.Error(a[0].Err)
			}
			<-window
		})
	}
	for range cap(window) {
		window <- struct{}{}
	}
	for sinks[0].delivered.Load()+sinks[1].delivered.Load() < start+int64(2*b.N) {
		runtime.Gosched()
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu(b, os.Getpid())-mine).Microseconds())/float64(b.N), "µs-hubs/op")
	b.ReportMetric(float64((cpu(b, server.PID())-theirs).Microseconds())/float64(b.N), "µs-redis/op")
}

// cpu is what a process has used, user and system.
func cpu(b *testing.B, pid int) time.Duration {
	if pid == os.Getpid() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of USER_HZ
}
