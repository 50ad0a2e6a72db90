package broker

import "hubbub/wire"

// What tests of a broker among real servers need to see or to bring about.

const (
	OutMessages = outMessages
	OutBytes    = outBytes
)

// EpochNumber is the number behind an epoch's name; larger ones are later.
func EpochNumber(name string) uint64 { return uint64(epochNamed(name)) }

// LastNumber is what a lease is cleared with.
const LastNumber = lastNumber

// Lease is the name of the lease under which the broker says who is here.
func (r *Redis) Lease() string {
	r.presence.mu.Lock()
	defer r.presence.mu.Unlock()
	return r.presence.lease
}

// AppendBlob appends a message as it lies in Redis.
func AppendBlob(dst []byte, m *wire.Message) []byte { return appendBlob(dst, m) }

// LookAtTails has the follower look where logs end now.
func (r *Redis) LookAtTails() { r.follower.tell(r.follower.lookAtTails) }
