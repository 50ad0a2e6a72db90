package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tick is what a client process did in a second, or since its last tick.
type tick struct {
	Open, Joined int // now
	Connects     int64
	Sent         int64
	Delivered    int64
	Resumed      int64   // Storm: members that have all they missed
	Whole        bool    // it came because a second of the machine's clock was over, not because something else was
	Past         float64 // seconds since the one before
	Busy         float64 // of those, how many it did not wait for anything to happen
	Late         []byte  // histograms, encoded; empty if nothing is in them
	Behind       []byte
	Connecting   []byte
}

// order is what a client process is told to do. It does one after the other, but for stop.
type order struct {
	Do    string
	Start time.Duration // when, on the machine's clock
	Sent  []uint32      // how many messages each publisher sent, with mail
}

// The orders. Each is answered when it is done; stop has no answer, and ends what is under way, as if its time were over.
const (
	doOpen  = "open"  // the sockets, by the schedule from Start on
	doJoin  = "join"  // the rooms
	doPlay  = "play"  // publish from Start on, for the warm-up and the duration
	doWarm  = "warm"  // no order: play says it when what follows is measured
	doCycle = "cycle" // publish what each publisher has to say, not measured
	doPart  = "part"  // end the sockets
	doSpeak = "speak" // publish what is missed
	doStorm = "storm" // come back
	doMail  = "mail"  // wait for what is on its way, and count
	doStop  = "stop"
)

// answer is what it says.
type answer struct {
	Done   string // an order, or doWarm
	Tick   *tick
	Sent   map[int]uint32 // by its own publishers: with play, cycle and speak
	Mail   *Tally         // with mail
	Paid   int64          // measured deliveries, with mail
	Error  string
	Misuse bool
}

// encode empties a histogram into bytes.
func encode(h *hdrhistogram.Histogram) []byte {
	if h.TotalCount() == 0 {
		return nil
	}
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(fmt.Sprintf("load: a histogram that cannot be encoded: %v", err)) // it writes to memory
	}
	h.Reset()
	return b
}

// merge adds an encoded histogram to one.
func merge(to *hdrhistogram.Histogram, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	h, err := hdrhistogram.Decode(b)
	if err != nil {
		return fmt.Errorf("a client process sent a histogram that cannot be read: %w", err)
	}
	to.Merge(h)
	return nil
}
