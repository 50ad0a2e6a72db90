package retain

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type entry struct{ seq, size, time int64 }

func (e entry) Seq() int64  { return e.seq }
func (e entry) Size() int64 { return e.size }
func (e entry) Time() int64 { return e.time }

func seqs(l *Log[entry]) []int64 {
	var s []int64
	for _, e := range l.Read(nil, 0, 1<<40) {
		s = append(s, e.seq)
	}
	return s
}

func TestAppendKeepsOneLogWithinItsLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		sizes  []int64 // of entries 1, 2, 3, …
		want   []int64
	}{
		{"no limits", Limits{}, []int64{5, 5, 5}, []int64{1, 2, 3}},
		{"count", Limits{Messages: 2}, []int64{5, 5, 5}, []int64{2, 3}},
		{"count of one", Limits{Messages: 1}, []int64{5, 5, 5}, []int64{3}},
		{"bytes", Limits{Bytes: 10}, []int64{5, 5, 5}, []int64{2, 3}},
		{"bytes, one over", Limits{Bytes: 10}, []int64{5, 5, 1}, []int64{2, 3}},
		{"bytes, newest alone is over", Limits{Bytes: 10}, []int64{5, 5, 11}, []int64{3}},
		{"behind the one that was over", Limits{Bytes: 10}, []int64{11, 5, 5}, []int64{2, 3}},
		{"total", Limits{Total: 10}, []int64{5, 5, 5}, []int64{2, 3}},
		{"total, newest alone is over", Limits{Total: 10}, []int64{5, 11}, []int64{2}},
		{"both", Limits{Messages: 3, Bytes: 10}, []int64{1, 1, 1, 1, 9}, []int64{4, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, l := NewSet[entry](c.limits), new(Log[entry])
			for i, size := range c.sizes {
				set.Append(l, entry{seq: int64(i + 1), size: size})
			}
			if diff := cmp.Diff(c.want, seqs(l)); diff != "" {
				t.Error(diff)
			}
			var bytes int64
			for _, seq := range c.want {
				bytes += c.sizes[seq-1]
			}
			if set.Bytes() != bytes {
				t.Errorf("Bytes() = %d, want %d", set.Bytes(), bytes)
			}
		})
	}
}

func TestRead(t *testing.T) {
	set, l := NewSet[entry](Limits{Messages: 4}), new(Log[entry])
	for _, seq := range []int64{1, 2, 3, 5, 8, 9} { // 1 and 2 are trimmed, so the ring is wrapped
		set.Append(l, entry{seq: seq, size: 10})
	}
	for _, c := range []struct {
		name        string
		room        int // dst's capacity
		from, bytes int64
		want        []int64
	}{
		{"all", 0, 0, 100, []int64{3, 5, 8, 9}},
		{"from an entry", 0, 5, 100, []int64{5, 8, 9}},
		{"from a hole", 0, 6, 100, []int64{8, 9}},
		{"from behind the end", 0, 10, 100, nil},
		{"bytes", 0, 0, 20, []int64{3, 5}},
		{"bytes, not quite", 0, 0, 29, []int64{3, 5}},
		{"one at least", 0, 5, 0, []int64{5}},
		{"capacity", 3, 0, 100, []int64{3, 5, 8}},
		{"more capacity than needed", 9, 5, 100, []int64{5, 8, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := make([]entry, 0, c.room)
			got := l.Read(dst, c.from, c.bytes)
			if c.room > 0 && cap(got) != c.room {
				t.Errorf("capacity became %d", cap(got))
			}
			var s []int64
			for _, e := range got {
				s = append(s, e.seq)
			}
			if diff := cmp.Diff(c.want, s); diff != "" {
				t.Error(diff)
			}
		})
	}
	full := make([]entry, 1)
	if got := l.Read(full, 0, 100); len(got) != 1 {
		t.Errorf("a full dst became %v", got)
	}
}

func TestTailBounds(t *testing.T) {
	set, l := NewSet[entry](Limits{}), new(Log[entry])
	if len(l.Tail(nil, 9)) != 0 {
		t.Error("an empty log has a tail")
	}
	if _, _, ok := l.Bounds(); ok {
		t.Error("an empty log has bounds")
	}
	for seq := range int64(5) {
		set.Append(l, entry{seq: seq + 1, size: 10})
	}
	for bytes, want := range map[int64]int64{0: 5, 9: 5, 10: 5, 20: 4, 29: 4, 30: 3, 99: 1} {
		if tail := l.Tail(nil, bytes); tail[0].seq != want || tail[len(tail)-1].seq != 5 {
			t.Errorf("Tail(%d) = %v, want it to begin with %d", bytes, tail, want)
		}
	}
	if first, last, ok := l.Bounds(); first != 1 || last != 5 || !ok {
		t.Errorf("Bounds() = %d, %d, %v", first, last, ok)
	}
}

func TestTotalTakesFromTheLeastRecentlyUsed(t *testing.T) {
	set := NewSet[entry](Limits{Total: 40})
	var emptied []any
	set.Emptied = func(l *Log[entry]) { emptied = append(emptied, l.Owner) }
	a, b, c := &Log[entry]{Owner: "a"}, &Log[entry]{Owner: "b"}, &Log[entry]{Owner: "c"}
	for seq := range int64(2) {
		set.Append(a, entry{seq: seq, size: 10})
		set.Append(b, entry{seq: seq, size: 10})
	}
	set.Use(a)
	set.Append(c, entry{seq: 0, size: 20})
	if b.Len() != 0 || a.Len() != 2 {
		t.Errorf("a has %d and b has %d entries, want 2 and 0", a.Len(), b.Len())
	}
	set.Append(c, entry{seq: 1, size: 100})
	if a.Len() != 0 || c.Len() != 1 || set.Bytes() != 100 {
		t.Errorf("a has %d and c has %d entries in %d bytes, want 0 and 1 in 100", a.Len(), c.Len(), set.Bytes())
	}
	if diff := cmp.Diff([]any{"b", "a"}, emptied); diff != "" {
		t.Error(diff)
	}
	set.Remove(c)
	if set.Bytes() != 0 || set.newest != nil || set.oldest != nil {
		t.Error("something is left of c")
	}
}

func TestExpire(t *testing.T) {
	set := NewSet[entry](Limits{Age: time.Second, Messages: 3})
	emptied := 0
	set.Emptied = func(*Log[entry]) { emptied++ }
	a, b := new(Log[entry]), new(Log[entry])
	for i := range int64(5) { // 0 and 1 are trimmed: the heap's idea of a is out of date
		set.Append(a, entry{seq: i, size: 1, time: i * 100})
	}
	set.Append(b, entry{seq: 0, size: 1, time: 350})
	for _, c := range []struct {
		now  int64
		a, b int
	}{{1200, 3, 1}, {1201, 2, 1}, {1350, 1, 1}, {1351, 1, 0}, {2000, 0, 0}, {9000, 0, 0}} {
		set.Expire(time.UnixMilli(c.now))
		if a.Len() != c.a || b.Len() != c.b {
			t.Errorf("at %d: %d and %d entries, want %d and %d", c.now, a.Len(), b.Len(), c.a, c.b)
		}
	}
	if emptied != 2 || len(set.due) != 0 || set.Bytes() != 0 {
		t.Errorf("%d logs emptied, %d in the heap, %d bytes", emptied, len(set.due), set.Bytes())
	}
	set.Append(a, entry{seq: 9, size: 1, time: 9000})
	if a.Len() != 1 || len(set.due) != 1 {
		t.Error("a log cannot be used again after it was emptied")
	}
}

type pointed struct {
	entry
	payload []byte
}

func TestTrimmedEntriesAreGarbageAtOnce(t *testing.T) {
	set, l := NewSet[*pointed](Limits{Messages: 3, Age: time.Second}), new(Log[*pointed])
	var refs []weak.Pointer[pointed]
	for i := range int64(8) {
		e := &pointed{entry: entry{seq: i, size: 1, time: i}, payload: make([]byte, 100)}
		refs = append(refs, weak.Make(e))
		set.Append(l, e)
	}
	set.Expire(time.UnixMilli(1006))
	runtime.GC()
	for i, ref := range refs {
		if kept := ref.Value() != nil; kept != (i >= 6) {
			t.Errorf("entry %d kept: %v", i, kept)
		}
	}
	runtime.KeepAlive(l)
}

// Sizes that a ring takes while a log of a thousand comes and goes.
func TestRingGrowsAndShrinks(t *testing.T) {
	set, l := NewSet[entry](Limits{Messages: 1000, Age: time.Second}), new(Log[entry])
	for i := range int64(5000) {
		set.Append(l, entry{seq: i, size: 1, time: i})
	}
	if len(l.ring) != 1000 {
		t.Errorf("a full log has %d slots, want no more than its limit", len(l.ring))
	}
	for left := int64(999); left > 0; left-- {
		set.Expire(time.UnixMilli(5000 - left + 1000))
		if l.Len() != int(left) || len(l.ring) > max(minRing, 4*int(left)+4) {
			t.Fatalf("%d entries of %d are in %d slots", l.Len(), left, len(l.ring))
		}
	}
}

func TestReadersBesideTheOwner(t *testing.T) {
	set, l, other := NewSet[entry](Limits{Messages: 50, Total: 80}), new(Log[entry]), new(Log[entry])
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			dst := make([]entry, 0, 20)
			for from := int64(0); !stop.Load(); {
				for i, e := range l.Read(dst, from, 1000) {
					if e.seq < from || i > 0 && e.seq != from {
						t.Errorf("read %d, want %d", e.seq, from)
						return
					}
					from = e.seq + 1
				}
				l.Bounds()
				l.Tail(nil, 3)
				set.Bytes()
			}
		})
	}
	for i := range int64(20_000) {
		set.Append(l, entry{seq: i, size: 1})
		if i%7 == 0 {
			set.Append(other, entry{seq: i, size: 10})
		}
	}
	stop.Store(true)
	readers.Wait()
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	set, l := NewSet[entry](Limits{Messages: 100, Bytes: 1 << 20, Age: time.Hour, Total: 1 << 20}), new(Log[entry])
	seq := int64(0)
	appendOne := func() {
		seq++
		set.Append(l, entry{seq: seq, size: 10, time: seq})
	}
	for range 200 {
		appendOne()
	}
	dst := make([]entry, 0, 64)
	if n := testing.AllocsPerRun(1000, func() {
		appendOne()
		dst = l.Read(dst[:0], seq-30, 1<<20)
		set.Expire(time.UnixMilli(seq))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !slices.IsSortedFunc(dst, func(a, b entry) int { return int(a.seq - b.seq) }) || len(dst) != 31 {
		t.Errorf("read %v", dst)
	}
}

func BenchmarkAppend(b *testing.B) {
	set := NewSet[entry](Limits{Messages: 1000, Bytes: 1 << 20, Age: time.Hour, Total: 1 << 30})
	logs := make([]Log[entry], 1000)
	b.ReportAllocs()
	for i := range b.N {
		set.Append(&logs[i%len(logs)], entry{seq: int64(i), size: 10, time: int64(i)})
	}
}

func BenchmarkRead(b *testing.B) {
	set, l := NewSet[entry](Limits{Messages: 1000}), new(Log[entry])
	for i := range int64(5000) {
		set.Append(l, entry{seq: i, size: 100})
	}
	dst := make([]entry, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		dst = l.Read(dst[:0], 4900, 1<<20)
	}
}
