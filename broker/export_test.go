package broker

// What tests of a broker among real servers need to see or to bring about.

const (
	OutMessages = outMessages
	OutBytes    = outBytes
)

// EpochNumber is the number behind an epoch's name; larger ones are later.
func EpochNumber(name string) uint64 { return uint64(epochNamed(name)) }
