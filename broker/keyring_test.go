package broker

import (
	"fmt"
	"testing"
	"time"
)

func TestKeyringRemembersForOneToTwoWindows(t *testing.T) {
	begin := time.Unix(1_764_000_000, 0)
	for _, c := range []struct {
		added, asked time.Duration // after the beginning of a window
		known        bool
	}{
		{0, 0, true},
		{0, keyWindow, true},
		{0, 2*keyWindow - 1, true},
		{0, 2 * keyWindow, false},
		{keyWindow - 1, keyWindow, true},
		{keyWindow - 1, 2*keyWindow - 1, true},
		{keyWindow - 1, 2 * keyWindow, false},
		{keyWindow, 2 * keyWindow, true},
		{keyWindow, 3 * keyWindow, false},
		{0, time.Hour, false},
		{time.Hour, time.Hour + keyWindow, true},
	} {
		for _, every := range []time.Duration{time.Second, keyWindow, time.Hour} { // how often somebody asks in between
			k := newKeyring(100, begin)
			f := k.fingerprint("lobby", "alice", "k")
			for at := time.Duration(0); at <= c.asked; at = min(at+every, max(at+1, c.asked)) {
				k.turn(begin.Add(at))
				if at == c.added || at < c.added && at+every > c.added {
					k.turn(begin.Add(c.added))
					k.add(f, place{1, 57})
				}
				if at == c.asked {
					break
				}
			}
			p, known := k.find(f)
			if c.known && (!known || p.offset != 57) {
				t.Errorf("added at %v, asked at %v, turned every %v: known %v", c.added, c.asked, every, known)
			}
			if !c.known && known {
				t.Errorf("added at %v, still known at %v, turned every %v", c.added, c.asked, every)
			}
		}
	}
}

// With more keys than it may hold the oldest are forgotten early, however many there are.
func TestKeyringIsBounded(t *testing.T) {
	k := newKeyring(100, time.Unix(0, 0))
	known := func(i int) bool {
		_, ok := k.find(k.fingerprint("lobby", "alice", fmt.Sprint(i)))
		return ok
	}
	for i := range 1000 {
		k.add(k.fingerprint("lobby", "alice", fmt.Sprint(i)), place{1, uint64(i)})
		if k.len() > 100 || !known(i) || i >= 50 && !known(i-50) {
			t.Fatalf("%d keys after %d, the last known: %v, the one 50 before: %v", k.len(), i, known(i), known(i-50))
		}
	}
}
