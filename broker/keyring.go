package broker

import (
	"hash/maphash"
	"time"
)

// keyWindow is how long a publish with a key can be repeated without being stored twice.
const keyWindow = 5 * time.Minute

// keyring remembers idempotency keys for one to two windows: there is a map for the current window and one for the
// one before, and both are looked into. So nothing is ever searched for what is too old.
//
// It holds fingerprints, not strings: no pointers for the garbage collector to follow, and a third of the bytes. Two of
// a million keys collide with a probability of 10^-27.
type keyring struct {
	young, old map[fingerprint]place
	half       int       // how many keys a map may have; immutable
	turned     time.Time // when young was begun
	seeds      [2]maphash.Seed
}

// fingerprint is 128 bits of room, client and key, made with seeds that nobody outside can know.
type fingerprint [2]uint64

// place is the wire.Position of the first publish. It is kept here and not looked up, so that a key outlives its room.
type place struct {
	epoch  epoch
	offset uint64
}

func newKeyring(limit int, now time.Time) keyring {
	return keyring{half: max(1, limit/2), turned: now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (k *keyring) fingerprint(room, client, key string) fingerprint {
	v := [3]string{room, client, key}
	return fingerprint{maphash.Comparable(k.seeds[0], v), maphash.Comparable(k.seeds[1], v)}
}

// find is where the first publish with this key went.
func (k *keyring) find(f fingerprint) (place, bool) {
	if p, ok := k.young[f]; ok {
		return p, true
	}
	p, ok := k.old[f]
	return p, ok
}

// add remembers a key that find does not know.
func (k *keyring) add(f fingerprint, p place) {
	if len(k.young) >= k.half {
		k.old, k.young = k.young, nil
	}
	if k.young == nil {
		k.young = make(map[fingerprint]place)
	}
	k.young[f] = p
}

// turn forgets what is too old.
func (k *keyring) turn(now time.Time) {
	switch since := now.Sub(k.turned); {
	case since >= 2*keyWindow:
		k.old, k.young, k.turned = nil, nil, now
	case since >= keyWindow:
		k.old, k.young, k.turned = k.young, nil, now
	}
}

func (k *keyring) len() int { return len(k.young) + len(k.old) }
