package load

import (
	"bytes"
	"encoding/json"
)

// offsets checks what one member sees of its room's log by what the hub itself says of it: every message has the
// offset behind the last one's, or a gap frame stands in its place and names exactly what is missing.
type offsets struct {
	last int64 // the log up to here has been seen, or announced as gone

	received  int64 // messages
	gaps      int64 // gap frames that fit: they begin behind last
	gone      int64 // messages that those announced
	missing   int64 // not there and not announced: a silent hole
	repeated  int64 // not behind last: again, or out of order
	wrongGaps int64 // gap frames that do not fit, or of another reason than "trimmed"
}

// field is the number behind a name like `"offset":`; -1 if there is none.
func field(payload []byte, name string) int64 {
	i := bytes.Index(payload, []byte(name))
	if i < 0 {
		return -1
	}
	n, digits := int64(0), 0
	for _, b := range payload[i+len(name):] {
		if b < '0' || b > '9' || digits == 18 {
			break
		}
		n = n*10 + int64(b-'0')
		digits++
	}
	if digits == 0 {
		return -1
	}
	return n
}

// message takes a message's offset. It says whether it was one.
func (o *offsets) message(payload []byte) bool {
	n := field(payload, `"offset":`)
	if n < 0 {
		return false
	}
	o.received++
	if n <= o.last {
		o.repeated++
		return true
	}
	o.missing += n - o.last - 1
	o.last = n
	return true
}

// gap takes a gap frame.
func (o *offsets) gap(payload []byte) {
	var g struct {
		From, To int64
		Reason   string
	}
	if json.Unmarshal(payload, &g) != nil || g.Reason != "trimmed" || g.From != o.last+1 || g.To < g.From {
		o.wrongGaps++
		return
	}
	o.gaps++
	o.gone += g.To - g.From + 1
	o.last = g.To
}
