package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// binaries is where the hub is built, once for all tests: as it is, and as it must not be.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hubbub-chaos-test-")
	if err != nil {
		panic(err)
	}
	binaries = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

var build = struct {
	sync.Mutex
	done map[string]error
}{done: map[string]error{}}

// hub is the binary that is built with what is broken in it; "" is the whole one.
func hub(t *testing.T, broken string) string {
	t.Helper()
	build.Lock()
	defer build.Unlock()
	binary := filepath.Join(binaries, "hubbub"+broken)
	if _, built := build.done[broken]; !built {
		var flags []string
		if broken != "" {
			flags = []string{"-X", "hubbub/broker.broken=" + broken}
		}
		build.done[broken] = buildHub(context.Background(), binary, flags...)
	}
	if err := build.done[broken]; err != nil {
		t.Fatal(err)
	}
	return binary
}

func rowNamed(t *testing.T, name string) row {
	t.Helper()
	chosen, err := choose([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return chosen[0]
}

// TestShort is make chaos in short: every row that stands on one Redis or on none. What happens by chance is another each time; a
// failure says its seed.
func TestShort(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for _, r := range rows {
		if !r.short {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			line, err := play{hub: hub(t, ""), dir: t.TempDir(), seconds: 4 * time.Second, seed: seed, instances: 2}.run(t.Context(), r)
			t.Log(line)
			if line.Guilty() || err != nil {
				t.Errorf("seed %d: %s\n%v", seed, strings.Join(line.Examples, "\n"), err)
			}
			if line.Sent == 0 || line.Acked != line.Sent || line.Delivered < line.Sent {
				t.Errorf("sent %d, acked %d, delivered %d: nobody said or heard anything", line.Sent, line.Acked, line.Delivered)
			}
		})
	}
}

// TestBroken: a hub without its fence against rollbacks, and one that repairs no holes, are found out.
func TestBroken(t *testing.T) {
	for _, c := range []struct{ broken, row string }{{"fence", "rollback"}, {"repair", "pubsub"}} {
		t.Run(c.broken, func(t *testing.T) {
			t.Parallel()
			p := play{hub: hub(t, c.broken), dir: t.TempDir(), seconds: 4 * time.Second, seed: 1, instances: 2, patience: 25 * time.Second}
			line, err := p.run(t.Context(), rowNamed(t, c.row))
			t.Log(line)
			if !line.Guilty() {
				t.Errorf("it was not found out: %v", err)
			}
		})
	}
}

// TestForgetfulIsGuilty: the same row passes where the store may forget, and not where it may not.
func TestForgetfulIsGuilty(t *testing.T) {
	r := rowNamed(t, "memorykill") // the first kill is within three seconds
	r.forgets = false
	line, err := play{hub: hub(t, ""), dir: t.TempDir(), seconds: 4 * time.Second, seed: 1, instances: 1}.run(t.Context(), r)
	if line.Lost == 0 || line.Lost != line.Forgotten {
		t.Errorf("%d lost, %d forgotten: %v", line.Lost, line.Forgotten, err)
	}
}

func TestRecommendedSettings(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if !slices.Equal(lines, everySecond) {
		t.Errorf("deploy/redis.conf says %q, and what is tested is %q", lines, everySecond)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"-h":               "usage: chaos [flags] [row…]",
		"nonsense":         `there is no row "nonsense"`,
		"-seconds=0 none":  "more than 0",
		"-instances 0":     "more than 0",
		"-seed x":          "invalid value",
		"-hub /nowhere -x": "not defined",
	} {
		var stderr bytes.Buffer
		code := run(strings.Fields(args), &bytes.Buffer{}, &stderr)
		if wantCode := map[bool]int{true: 0, false: 2}[args == "-h"]; code != wantCode || !strings.Contains(stderr.String(), want) {
			t.Errorf("chaos %s: %d, %s", args, code, &stderr)
		}
	}
	if all, err := choose(nil); len(all) != len(rows)-1 || err != nil {
		t.Errorf("%d of %d rows, %v: want all but the zombie", len(all), len(rows), err)
	}
	if r := rowNamed(t, "zombie"); !r.named {
		t.Error("the zombie is played without having been called")
	}
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.name] || r.title == "" || r.store == nil || r.fault == nil {
			t.Errorf("the row %q is there twice, or not whole", r.name)
		}
		names[r.name] = true
	}
}

// TestTable plays one row through the command: what is printed is a table and nothing else.
func TestTable(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-hub", hub(t, ""), "-seconds", "0.5", "memory"}, &stdout, &stderr); code != 0 {
		t.Fatalf("%d: %s", code, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[2], "| one instance in memory: none | ") {
		t.Errorf("%q", lines)
	}
	stdout.Reset()
	stderr.Reset()
	if code := run([]string{"-hub", "/nowhere", "memory"}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "memory did not pass") {
		t.Errorf("%d: %s", code, &stderr)
	}
}
