// Package retain keeps logs within limits: each by count, bytes and age, all of them together by a total.
package retain

import (
	"container/heap"
	"sync/atomic"
	"time"
)

// Limits says how much is kept. A zero turns its limit off. The newest entry of a log is never dropped for Messages
// or Bytes, nor the one just appended for Total, even if it alone is over: a message larger than a limit is still delivered.
type Limits struct {
	Messages int           // entries in one log
	Bytes    int64         // Entry.Size of one log together
	Age      time.Duration // of an entry, enforced by Set.Expire
	Total    int64         // Entry.Size of all logs together
}

// Entry is what a log keeps.
type Entry interface {
	Seq() int64  // ascending within its log, holes allowed
	Size() int64 // bytes it is charged with; always the same for one entry
	Time() int64 // milliseconds since 1970, for Age. If times do not ascend, an old entry waits for the younger one before it
}

// Set is all logs that share one total. Its methods, Bytes excepted, belong to one owner (a goroutine or a lock).
// A log is in the set, in its list and in its heap, exactly while it has entries, so that nothing
// here grows with the number of logs that once were.
type Set[E Entry] struct {
	// Emptied, if set before the first Append, is told of each log that Total or Age took the last entry
	// from. It is called in the middle of Append or Expire and must not call the set.
	Emptied func(*Log[E])

	limits Limits // immutable

	// owned by the owner
	newest, oldest *Log[E] // ends of the list of logs by last use
	due            dues[E] // logs by the time of their oldest entry; unused without Age

	bytes atomic.Int64 // written by the owner, read by anyone
}

// NewSet returns an empty set.
func NewSet[E Entry](l Limits) *Set[E] { return &Set[E]{limits: l} }

// Bytes is what all logs together are charged with. It may be called from any goroutine.
func (s *Set[E]) Bytes() int64 { return s.bytes.Load() }

// Append puts e at the end of l, trims l to Messages and Bytes, and makes it the most recently used one. Then, while
// all logs together are over Total, the oldest entries of the least recently used log go.
func (s *Set[E]) Append(l *Log[E], e E) {
	s.bytes.Add(l.push(e, s.limits))
	s.link(l)
	if s.limits.Age > 0 && l.place == 0 {
		l.due = (*l.at(0)).Time()
		heap.Push(&s.due, l)
	}
	if s.limits.Total > 0 {
		s.evict(l)
	}
}

// Use makes l the most recently used log. An empty log has nothing to lose, and stays out of the list.
func (s *Set[E]) Use(l *Log[E]) {
	if l.n > 0 {
		s.link(l)
	}
}

// Expire drops what is older than Age. It looks at those logs only whose oldest entry was due when last looked at.
func (s *Set[E]) Expire(now time.Time) {
	before := now.Add(-s.limits.Age).UnixMilli()
	// due may lag behind a log's real oldest entry, which only costs a look in vain: trimming
	// by count would otherwise have to move the log in the heap with every single Append.
	for len(s.due) > 0 && s.due[0].due < before {
		l := s.due[0]
		k := 0
		for k < l.n && (*l.at(k)).Time() < before {
			k++
		}
		s.drop(l, k)
		if l.n > 0 {
			l.due = (*l.at(0)).Time()
			heap.Fix(&s.due, 0)
		}
	}
}

// Remove forgets l, whose bytes are free; it must not be appended to afterwards. A reader finds it empty.
func (s *Set[E]) Remove(l *Log[E]) {
	if l.n > 0 {
		s.bytes.Add(-l.drop(l.n))
		s.leave(l)
	}
}

// evict brings all logs together under Total, without touching the newest entry of last.
func (s *Set[E]) evict(last *Log[E]) {
	for {
		over := s.bytes.Load() - s.limits.Total
		if over <= 0 {
			return
		}
		l := s.oldest
		n := l.n
		if l == last {
			n--
		}
		k := 0
		for ; k < n && over > 0; k++ {
			over -= (*l.at(k)).Size()
		}
		if k == 0 { // only the entry just appended is left
			return
		}
		s.drop(l, k)
	}
}

// drop takes the k oldest entries of l.
func (s *Set[E]) drop(l *Log[E], k int) {
	if k == 0 {
		return
	}
	s.bytes.Add(-l.drop(k))
	if l.n > 0 {
		return
	}
	s.leave(l)
	if s.Emptied != nil {
		s.Emptied(l)
	}
}

// leave takes a log that has become empty out of the list and the heap.
func (s *Set[E]) leave(l *Log[E]) {
	s.unlink(l)
	if l.place > 0 {
		heap.Remove(&s.due, l.place-1)
	}
}

// link puts l at the list's recent end, wherever it was before.
func (s *Set[E]) link(l *Log[E]) {
	if s.newest == l {
		return
	}
	if l.older != nil || l.newer != nil {
		s.unlink(l)
	}
	if l.older = s.newest; l.older != nil {
		l.older.newer = l
	} else {
		s.oldest = l
	}
	s.newest = l
}

func (s *Set[E]) unlink(l *Log[E]) {
	if l.newer != nil {
		l.newer.older = l.older
	} else {
		s.newest = l.older
	}
	if l.older != nil {
		l.older.newer = l.newer
	} else {
		s.oldest = l.newer
	}
	l.older, l.newer = nil, nil
}

// dues is a heap of logs, that with the smallest due first.
type dues[E Entry] []*Log[E]

func (d dues[E]) Len() int           { return len(d) }
func (d dues[E]) Less(i, j int) bool { return d[i].due < d[j].due }

func (d dues[E]) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

func (d *dues[E]) Push(x any) {
	l := x.(*Log[E])
	*d = append(*d, l)
	l.place = len(*d)
}

func (d *dues[E]) Pop() any {
	last := len(*d) - 1
	l := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	l.place = 0
	return l
}
