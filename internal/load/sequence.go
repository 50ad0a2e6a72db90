package load

import "slices"

// sequence checks what one reader gets of one publisher, whose messages are numbered 0, 1, 2, … It is exact however
// late a message comes: what was skipped is remembered as ranges, and normally there are none.
type sequence struct {
	next    uint32 // above the highest number seen
	missing []span // skipped so far, ascending
}

// span is the numbers from first up to, not including, end.
type span struct{ first, end uint32 }

// verdict is what one number means.
type verdict uint8

const (
	inOrder verdict = iota
	reordered
	duplicated
)

// see takes the number of a message that came.
func (s *sequence) see(n uint32) verdict {
	if n == s.next {
		s.next++
		return inOrder
	}
	if n > s.next {
		s.missing = append(s.missing, span{s.next, n})
		s.next = n + 1
		return inOrder // what it skipped is late or lost; it is not
	}
	for i, m := range s.missing {
		if n < m.first || n >= m.end {
			continue
		}
		var left []span
		if m.first < n {
			left = append(left, span{m.first, n})
		}
		if n+1 < m.end {
			left = append(left, span{n + 1, m.end})
		}
		s.missing = slices.Replace(s.missing, i, i+1, left...)
		return reordered
	}
	return duplicated
}

// lost is how many of the sent messages never came.
func (s *sequence) lost(sent uint32) (n int64) {
	for _, m := range s.missing {
		n += int64(m.end - m.first)
	}
	if sent > s.next {
		n += int64(sent - s.next)
	}
	return n
}
