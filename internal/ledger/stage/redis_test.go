package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func redisUp(t *testing.T, settings ...string) *Redis {
	t.Helper()
	r, err := NewRedis("redis", t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill)
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// do asks, and checks the answer.
func do(t *testing.T, r *Redis, want any, command ...any) {
	t.Helper()
	if got, err := r.Do(t.Context(), command...); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v: %v, %v, want %v", command, got, err, want)
	}
}

// replicated asks, and waits until so many replicas have it. WAIT waits for what came over its own connection.
func replicated(t *testing.T, r *Redis, replicas int64, command ...any) {
	t.Helper()
	c, err := Connect(t.Context(), r.Port)
	must(t, err)
	defer c.Close()
	_, err = c.Do(command...)
	must(t, err)
	if n, err := c.Do("WAIT", replicas, answerTime.Milliseconds()-500); n != replicas || err != nil {
		t.Fatalf("%v replicas have it, %v", n, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswers(t *testing.T) {
	r := redisUp(t)
	do(t, r, "OK", "SET", "k", "two\r\nlines")
	do(t, r, "two\r\nlines", "GET", "k")
	do(t, r, nil, "GET", "none")
	do(t, r, 2, "RPUSH", "l", "a", "")
	do(t, r, []any{"a", ""}, "LRANGE", "l", 0, -1)
	do(t, r, []any{}, "LRANGE", "none", 0, -1)
	if _, err := r.Do(t.Context(), "GET", "l"); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("error %v", err)
	}
	if _, err := r.Info(t.Context(), "server", "nonsense"); err == nil {
		t.Error("a field that there is not was found")
	}
}

func TestLivesOfRedis(t *testing.T) {
	for _, c := range []struct {
		what    string
		setting string
		between func(*Redis) error // while it is down
		want    any
	}{
		{"AOF", "appendonly yes\nappendfsync always", func(*Redis) error { return nil }, "new"},
		{"rolled back", "appendonly no", (*Redis).Rollback, "old"},
		{"emptied", "appendonly no", (*Redis).Empty, nil},
		{"emptied AOF", "appendonly yes\nappendfsync always", (*Redis).Empty, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := redisUp(t, c.setting)
			do(t, r, "OK", "SET", "k", "old")
			must(t, r.Keep(t.Context()))
			do(t, r, "OK", "SET", "k", "new")
			r.Kill()
			must(t, c.between(r))
			must(t, r.Up(t.Context()))
			do(t, r, c.want, "GET", "k")
			must(t, r.Err())
		})
	}
}

// TestPause: what is asked while it is paused is answered after it, and not before.
func TestPause(t *testing.T) {
	r := redisUp(t)
	r.Pause()
	r.until(t.Context(), "the kernel has stopped it", func(context.Context) error { return r.stopped() })
	answered := make(chan error, 1)
	go func() {
		_, err := r.Do(t.Context(), "PING")
		answered <- err
	}()
	must(t, r.stopped())
	select {
	case err := <-answered:
		t.Errorf("it answered in its sleep: %v", err)
	default:
	}
	r.Resume()
	must(t, <-answered)
}

// stopped asks the kernel.
func (r *Redis) stopped() error {
	cmd, _ := r.run()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err == nil && !strings.Contains(string(stat), ") T ") {
		err = errors.New("it runs")
	}
	return err
}

func TestProcessThatEndsByItself(t *testing.T) {
	r, err := NewRedis("redis", t.TempDir(), "no-such-setting yes")
	must(t, err)
	if err := r.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("error %v, want what it said", err)
	}
	if r.Err() == nil {
		t.Error("nobody noticed")
	}
	if err := r.Stop(); err == nil {
		t.Error("it stopped in order")
	}
	missing := Process{Name: "x", Path: "no-such-program"}
	if err := missing.Start(); err == nil {
		t.Error("it started")
	}
	missing.Kill()
}

func TestStop(t *testing.T) {
	r := redisUp(t)
	must(t, r.Stop())
	must(t, r.Err())
	must(t, r.Up(t.Context()))
	r.Kill()
	if err := r.Stop(); err == nil {
		t.Error("a killed one stopped in order")
	}
	must(t, (&Process{}).Stop())
}

func TestUntilGivesUp(t *testing.T) {
	r := redisUp(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := r.until(ctx, "pigs fly", func(context.Context) error { return fmt.Errorf("they do not") })
	if err == nil || !strings.Contains(err.Error(), "waiting until pigs fly: they do not") {
		t.Errorf("error %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"HUBBUB_PING=1s", "PATH=/bin", "REDIS_URL=x", "GOMEMLIMIT=1", "GOGC=1"})
	if len(got) != 1 || got[0] != "PATH=/bin" {
		t.Errorf("%q", got)
	}
}

func TestSentinelFailsOver(t *testing.T) {
	s, err := NewSentinel(t.Context(), t.TempDir())
	t.Cleanup(func() {
		for _, r := range s.All() {
			r.Kill()
		}
	})
	must(t, err)
	old, err := s.Master(t.Context())
	must(t, err)
	replicated(t, old, 2, "SET", "k", "v")
	old.Kill()
	must(t, s.Replaced(t.Context(), old))
	must(t, old.Up(t.Context()))
	must(t, s.Linked(t.Context()))
	master, err := s.Master(t.Context())
	must(t, err)
	if master == old {
		t.Fatal("it is the old one")
	}
	do(t, master, "v", "GET", "k")
	if url := s.URL(); strings.Count(url, ",") != 2 || !strings.HasSuffix(url, "/hub/0") {
		t.Error(url)
	}
}

func TestCluster(t *testing.T) {
	c, err := NewCluster(t.Context(), t.TempDir())
	t.Cleanup(func() {
		for _, r := range c.Nodes {
			r.Kill()
		}
	})
	must(t, err)
	masters, err := c.Masters(t.Context())
	must(t, err)
	// "foo" is in slot 12182, which is the third one's.
	from, to := masters[2], masters[0]
	do(t, from, "OK", "SET", "foo", "v")
	slot, found, err := c.Slot(t.Context(), from)
	if slot != 12182 || !found || err != nil {
		t.Fatal(slot, found, err)
	}
	if _, found, err := c.Slot(t.Context(), to); found || err != nil {
		t.Fatal(found, err)
	}
	must(t, c.Move(t.Context(), slot, from, to))
	do(t, to, "v", "GET", "foo")
	must(t, c.Whole(t.Context()))
	replicated(t, to, 1, "SET", "foo", "v")
	to.Kill()
	must(t, c.Failover(t.Context(), to))
	must(t, to.Up(t.Context()))
	must(t, c.Whole(t.Context()))
	masters, err = c.Masters(t.Context())
	must(t, err)
	var at, answers []string
	for _, r := range masters {
		v, err := r.Do(t.Context(), "GET", "foo")
		if answers = append(answers, fmt.Sprint(r.Name, v, err)); v == "v" {
			at = append(at, r.Name)
		}
	}
	if len(at) != 1 || at[0] == to.Name {
		t.Errorf("the key is at %q: %q", at, answers)
	}
	if url := c.URL(); strings.Count(url, ",") != 2 {
		t.Error(url)
	}
}
