package broker

import (
	"sync"
	"time"
)

// seenFor is how long a position is remembered at least after it was last asked for or raised.
const seenFor = 10 * time.Minute

// seen is the fence: the highest position that this instance has seen of each room, whether it was pushed, read or answered. Every
// publish and every read carries it, and a server that is behind has lost something. Like the keyring it turns, so
// nothing is searched for what is too old.
type seen struct {
	mu         sync.Mutex // guards what follows; held for a few lines
	young, old map[string]place
	turned     time.Time
}

func newSeen() *seen { return &seen{young: make(map[string]place), turned: time.Now()} }

// of is the highest position seen of a room.
func (s *seen) of(room string) place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ofLocked(room)
}

func (s *seen) ofLocked(room string) place {
	if p, ok := s.young[room]; ok {
		return p
	}
	p, ok := s.old[room]
	if ok {
		s.young[room] = p
	}
	return p
}

// saw raises it.
func (s *seen) saw(room string, at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ofLocked(room).before(at) {
		s.young[room] = at
	}
}

// turn forgets what is too old.
func (s *seen) turn(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.turned) >= seenFor {
		s.old, s.young, s.turned = s.young, make(map[string]place), now
	}
}
