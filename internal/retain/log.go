package retain

import (
	"slices"
	"sync"
)

// Log is one bounded log: a ring that grows and shrinks. The zero value is an empty log. It is written through its Set
// only; Read, Tail, Bounds and Len may be called from any goroutine.
type Log[E Entry] struct {
	Owner any // whose log this is, for Set.Emptied; set before the first Append. This package never looks at it

	// owned by the Set's owner
	older, newer *Log[E] // neighbours in the set's list by use
	due          int64   // the time of the oldest entry when the set last looked
	place        int     // in the set's heap, counted from 1; 0: not there

	// Written by the Set's owner under mu, so that the owner itself reads without it.
	mu    sync.RWMutex
	ring  []E // free slots are zero: what was trimmed is garbage at once
	head  int // where the oldest entry is
	n     int
	bytes int64
}

// Read appends the entries from Seq from on to dst, in order, as long as their sizes together are within bytes (but one
// at least, if there is one) and dst has capacity. It never grows dst, except for one whose capacity is 0.
func (l *Log[E]) Read(dst []E, from int64, bytes int64) []E {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := l.search(from)
	room := l.n - i
	if cap(dst) > 0 {
		room = min(room, cap(dst)-len(dst))
	}
	k := 0
	for ; k < room; k++ {
		if bytes -= (*l.at(i + k)).Size(); bytes < 0 && k > 0 {
			break
		}
	}
	return l.copy(dst, i, k)
}

// Tail appends the newest entries to dst, in order, as many as are within bytes together (but one at least, if there is
// one). It grows dst as needed.
func (l *Log[E]) Tail(dst []E, bytes int64) []E {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := l.n
	for ; i > 0; i-- {
		if bytes -= (*l.at(i - 1)).Size(); bytes < 0 && i < l.n {
			break
		}
	}
	return l.copy(dst, i, l.n-i)
}

// Bounds are the Seq of the oldest and of the newest entry; ok is false when there is none.
func (l *Log[E]) Bounds() (first, last int64, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.n == 0 {
		return 0, 0, false
	}
	return (*l.at(0)).Seq(), (*l.at(l.n - 1)).Seq(), true
}

// Len is how many entries there are.
func (l *Log[E]) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.n
}

// at is the i-th oldest entry. Callers hold mu or are the owner.
func (l *Log[E]) at(i int) *E {
	if i += l.head; i >= len(l.ring) {
		i -= len(l.ring)
	}
	return &l.ring[i]
}

// search is the index of the first entry with Seq >= from.
func (l *Log[E]) search(from int64) int {
	lo, hi := 0, l.n
	for lo < hi {
		if mid := (lo + hi) / 2; (*l.at(mid)).Seq() < from {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// copy appends k entries from the i-th on to dst.
func (l *Log[E]) copy(dst []E, i, k int) []E {
	if k == 0 {
		return dst
	}
	if i += l.head; i >= len(l.ring) {
		i -= len(l.ring)
	}
	dst = slices.Grow(dst, k)
	straight := min(k, len(l.ring)-i)
	dst = append(dst, l.ring[i:i+straight]...)
	return append(dst, l.ring[:k-straight]...)
}

// push appends e and trims by the limits of a single log. It returns by how much the log's bytes grew.
func (l *Log[E]) push(e E, limits Limits) (grown int64) {
	size := e.Size()
	after, k := l.bytes+size, 0
	for k < l.n && (limits.Messages > 0 && l.n-k >= limits.Messages || limits.Bytes > 0 && after > limits.Bytes) {
		after -= (*l.at(k)).Size()
		k++
	}
	grown = after - l.bytes

	l.mu.Lock()
	defer l.mu.Unlock()
	// Room is made before e comes in: a log at its limit needs no slot more than the limit.
	l.clear(k)
	if l.n == len(l.ring) {
		bigger := max(1, 2*l.n)
		if limits.Messages > 0 {
			bigger = min(bigger, limits.Messages)
		}
		l.resize(bigger)
	}
	l.n++
	*l.at(l.n - 1) = e
	l.bytes = after
	l.shrink()
	return grown
}

// drop takes the k oldest entries and returns what they were charged with.
func (l *Log[E]) drop(k int) (freed int64) {
	for i := range k {
		freed += (*l.at(i)).Size()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear(k)
	l.bytes -= freed
	l.shrink()
	return freed
}

// clear zeroes the k oldest slots.
func (l *Log[E]) clear(k int) {
	var zero E
	for range k {
		*l.at(0) = zero
		if l.head++; l.head == len(l.ring) {
			l.head = 0
		}
	}
	l.n -= k
}

// minRing is a ring that is not worth shrinking: a log of a few entries of unequal sizes would do it all the time.
const minRing = 8

// shrink gives memory back at a quarter, so that a log that breathes between a half and full allocates nothing.
func (l *Log[E]) shrink() {
	switch {
	case l.n == 0:
		l.ring, l.head = nil, 0
	case l.n <= len(l.ring)/4 && len(l.ring) > minRing:
		l.resize(len(l.ring) / 2)
	}
}

func (l *Log[E]) resize(size int) {
	ring := make([]E, size)
	l.copy(ring[:0], 0, l.n)
	l.ring, l.head = ring, 0
}
