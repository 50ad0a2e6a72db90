package retain

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is the same thing written to be obviously right: slices, and a scan for everything.
type model struct {
	limits Limits
	logs   [][]entry
	used   []int // when each log was used last
	now    int
}

func (m *model) use(i int) {
	if len(m.logs[i]) > 0 {
		m.now++
		m.used[i] = m.now
	}
}

func size(l []entry) (n int64) {
	for _, e := range l {
		n += e.size
	}
	return n
}

func (m *model) bytes() (n int64) {
	for _, l := range m.logs {
		n += size(l)
	}
	return n
}

func (m *model) append(i int, e entry) {
	m.logs[i] = append(m.logs[i], e)
	m.use(i)
	over := func() bool {
		return m.limits.Messages > 0 && len(m.logs[i]) > m.limits.Messages ||
			m.limits.Bytes > 0 && size(m.logs[i]) > m.limits.Bytes
	}
	for len(m.logs[i]) > 1 && over() {
		m.logs[i] = m.logs[i][1:]
	}
	for m.limits.Total > 0 && m.bytes() > m.limits.Total {
		victim := -1
		for j, l := range m.logs {
			if len(l) > 0 && (victim < 0 || m.used[j] < m.used[victim]) {
				victim = j
			}
		}
		if victim == i && len(m.logs[i]) == 1 {
			return
		}
		m.logs[victim] = m.logs[victim][1:]
	}
}

func (m *model) expire(now int64) {
	for i, l := range m.logs {
		for m.limits.Age > 0 && len(l) > 0 && l[0].time < now-m.limits.Age.Milliseconds() {
			l = l[1:]
		}
		m.logs[i] = l
	}
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Messages: rapid.IntRange(0, 6).Draw(t, "messages"),
			Bytes:    rapid.Int64Range(0, 30).Draw(t, "bytes"),
			Age:      time.Duration(rapid.IntRange(0, 20).Draw(t, "age")) * time.Millisecond,
			Total:    rapid.Int64Range(0, 60).Draw(t, "total"),
		}
		const rooms = 4
		set, m := NewSet[entry](limits), &model{limits: limits, logs: make([][]entry, rooms), used: make([]int, rooms)}
		logs := make([]*Log[entry], rooms)
		for i := range logs {
			logs[i] = new(Log[entry])
		}
		now, seq := int64(1000), int64(0)
		which := rapid.IntRange(0, rooms-1)

		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				seq += rapid.Int64Range(1, 3).Draw(t, "step")
				e := entry{seq: seq, size: rapid.Int64Range(0, 20).Draw(t, "size"), time: now}
				i := which.Draw(t, "log")
				set.Append(logs[i], e)
				m.append(i, e)
			},
			"use": func(t *rapid.T) {
				i := which.Draw(t, "log")
				set.Use(logs[i])
				m.use(i)
			},
			"expire": func(t *rapid.T) {
				now += rapid.Int64Range(0, 15).Draw(t, "pass")
				set.Expire(time.UnixMilli(now))
				m.expire(now)
			},
			"remove": func(t *rapid.T) {
				i := which.Draw(t, "log")
				set.Remove(logs[i])
				logs[i], m.logs[i] = new(Log[entry]), nil
			},
			"read": func(t *rapid.T) {
				i := which.Draw(t, "log")
				from, bytes := rapid.Int64Range(0, seq+2).Draw(t, "from"), rapid.Int64Range(0, 60).Draw(t, "bytes")
				var want []entry
				for _, e := range m.logs[i] {
					if e.seq >= from && (len(want) == 0 || size(want)+e.size <= bytes) {
						want = append(want, e)
					} else if e.seq >= from {
						break
					}
				}
				if got := logs[i].Read(nil, from, bytes); !slices.Equal(want, got) {
					t.Fatalf("Read(%d, %d) = %v, want %v", from, bytes, got, want)
				}
			},
			"": func(t *rapid.T) {
				for i, l := range logs {
					if diff := cmp.Diff(append([]entry{}, m.logs[i]...), l.Read([]entry{}, 0, 1<<40), cmp.AllowUnexported(entry{})); diff != "" {
						t.Fatalf("log %d: %s", i, diff)
					}
					if l.Len() == 0 && (l.ring != nil || l.place != 0) {
						t.Fatalf("log %d is empty, and has %d slots and place %d", i, len(l.ring), l.place)
					}
					checkFree(t, l)
				}
				if set.Bytes() != m.bytes() {
					t.Fatalf("Bytes() = %d, want %d", set.Bytes(), m.bytes())
				}
			},
		})
	})
}

// checkFree: what is not in use in the ring is zero.
func checkFree(t *rapid.T, l *Log[entry]) {
	for i := l.n; i < len(l.ring); i++ {
		if *l.at(i) != (entry{}) {
			t.Fatalf("a free slot holds %v", *l.at(i))
		}
	}
}
