package load

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestSequence(t *testing.T) {
	for name, test := range map[string]struct {
		seen               []uint32
		sent               uint32
		lost               int64
		reordered, doubled int
	}{
		"nothing sent":         {},
		"all":                  {seen: []uint32{0, 1, 2, 3}, sent: 4},
		"none":                 {sent: 4, lost: 4},
		"the first lost":       {seen: []uint32{1, 2}, sent: 3, lost: 1},
		"the last lost":        {seen: []uint32{0, 1}, sent: 3, lost: 1},
		"a hole":               {seen: []uint32{0, 5, 6}, sent: 7, lost: 4},
		"swapped":              {seen: []uint32{0, 2, 1, 3}, sent: 4, reordered: 1},
		"late by far":          {seen: []uint32{0, 2, 3, 4, 5, 1}, sent: 6, reordered: 1},
		"twice":                {seen: []uint32{0, 1, 1, 2}, sent: 3, doubled: 1},
		"late, and twice":      {seen: []uint32{0, 2, 1, 1}, sent: 3, reordered: 1, doubled: 1},
		"replayed":             {seen: []uint32{0, 1, 2, 0, 1, 2}, sent: 3, doubled: 3},
		"backwards":            {seen: []uint32{3, 2, 1, 0}, sent: 4, reordered: 3},
		"middle of a hole":     {seen: []uint32{5, 2}, sent: 6, lost: 4, reordered: 1},
		"everything at a time": {seen: []uint32{1, 1, 4, 0, 3, 3, 8}, sent: 10, lost: 5, reordered: 2, doubled: 2},
	} {
		t.Run(name, func(t *testing.T) {
			var s sequence
			count := map[verdict]int{}
			for _, n := range test.seen {
				count[s.see(n)]++
			}
			if lost := s.lost(test.sent); lost != test.lost || count[reordered] != test.reordered || count[duplicated] != test.doubled {
				t.Errorf("lost %d, reordered %d, duplicated %d; want %d, %d, %d",
					lost, count[reordered], count[duplicated], test.lost, test.reordered, test.doubled)
			}
		})
	}
}

// TestSequenceModel compares with a set and a maximum, over random disorder.
func TestSequenceModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s sequence
		seen, top, sent := map[uint32]bool{}, -1, uint32(30)
		for range random.IntN(60) {
			n := random.Uint32N(sent)
			want := inOrder
			switch {
			case seen[n]:
				want = duplicated
			case int(n) < top:
				want = reordered
			}
			if got := s.see(n); got != want {
				t.Fatalf("%d after %v: %v, want %v", n, seen, got, want)
			}
			seen[n], top = true, max(top, int(n))
		}
		if lost := s.lost(sent); lost != int64(int(sent)-len(seen)) {
			t.Fatalf("lost %d of %d with %d seen", lost, sent, len(seen))
		}
	}
}

func TestOffsets(t *testing.T) {
	message := func(n string) string { return `{"type":"message","room":"r","offset":` + n + `,"data":"x"}` }
	gap := func(from, to, reason string) string {
		return `{"type":"gap","room":"r","from":` + from + `,"to":` + to + `,"reason":"` + reason + `"}`
	}
	for name, test := range map[string]struct {
		frames []string
		want   offsets
	}{
		"in order":           {[]string{message("1"), message("2")}, offsets{last: 2, received: 2}},
		"a silent hole":      {[]string{message("1"), message("4")}, offsets{last: 4, received: 2, missing: 2}},
		"again":              {[]string{message("1"), message("1")}, offsets{last: 1, received: 2, repeated: 1}},
		"an announced hole":  {[]string{message("1"), gap("2", "9", "trimmed"), message("10")}, offsets{last: 10, received: 2, gaps: 1, gone: 8}},
		"a gap too short":    {[]string{gap("1", "3", "trimmed"), message("5")}, offsets{last: 5, received: 1, gaps: 1, gone: 3, missing: 1}},
		"a gap too long":     {[]string{gap("1", "3", "trimmed"), message("3")}, offsets{last: 3, received: 1, gaps: 1, gone: 3, repeated: 1}},
		"elsewhere":          {[]string{message("1"), gap("3", "9", "trimmed")}, offsets{last: 1, received: 1, wrongGaps: 1}},
		"of another reason":  {[]string{gap("1", "3", "epoch")}, offsets{wrongGaps: 1}},
		"not JSON":           {[]string{`{"type":"gap`}, offsets{wrongGaps: 1}},
		"a gap of no length": {[]string{message("1"), gap("2", "1", "trimmed")}, offsets{last: 1, received: 1, wrongGaps: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var o offsets
			for _, frame := range test.frames {
				if !o.message([]byte(frame)) {
					o.gap([]byte(frame))
				}
			}
			if o != test.want {
				t.Errorf("got %+v, want %+v", o, test.want)
			}
		})
	}
	if n := field([]byte(`{"offset":}`), `"offset":`); n != -1 {
		t.Errorf("no number is %d", n)
	}
}

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		pace    pace
		k       int
		elapsed time.Duration
		wait    time.Duration
		done    bool
	}{
		"the first is due at once":         {pace: pace{200, 10}},
		"the second after its time":        {pace: pace{200, 10}, k: 1, wait: 5 * ms},
		"partly waited":                    {pace: pace{200, 10}, k: 1, elapsed: 3 * ms, wait: 2 * ms},
		"exactly due":                      {pace: pace{200, 10}, k: 1, elapsed: 5 * ms},
		"late: at once":                    {pace: pace{200, 10}, k: 1, elapsed: 500 * ms},
		"late does not move what follows":  {pace: pace{200, 10}, k: 9, elapsed: 44 * ms, wait: ms},
		"all sent":                         {pace: pace{200, 10}, k: 10, elapsed: 50 * ms, done: true},
		"nothing to send":                  {pace: pace{200, 0}, done: true},
		"slower than one a second":         {pace: pace{0.5, 10}, k: 1, wait: 2 * time.Second},
		"a rate that no nanosecond fits":   {pace: pace{3, 10}, k: 1, wait: 333333334},
		"and its error does not add up":    {pace: pace{3, 10}, k: 3, wait: time.Second},
		"a million a second for two hours": {pace: pace{1e6, 1e10}, k: 7.2e9, wait: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if wait, done := test.pace.next(test.k, test.elapsed); wait != test.wait || done != test.done {
				t.Errorf("wait %v, done %v; want %v, %v", wait, done, test.wait, test.done)
			}
		})
	}
	if n := lasting(200, 1500*ms).total; n != 300 {
		t.Errorf("200 a second for 1.5 s are %d", n)
	}
}

func TestEnoughFiles(t *testing.T) {
	if err := enoughFiles("this process", 950, 1000); err != nil {
		t.Error(err)
	}
	err := enoughFiles("this process", 10_000, 1024)
	if err == nil || !strings.Contains(err.Error(), "10000 sockets need 10050 open files, and this process may have 1024") ||
		!strings.Contains(err.Error(), "`ulimit -n 10050`") || !strings.Contains(err.Error(), "at most 974 sockets") {
		t.Error(err)
	}
}

func TestTally(t *testing.T) {
	clean := Tally{Sent: 2, Expected: 20, Delivered: 20}
	if !clean.Clean() || clean.String() != "2 sent, 20 of 20 delivered, 0 lost" {
		t.Error(clean)
	}
	for _, bad := range []Tally{
		{Sent: 2, Expected: 20, Delivered: 19, Lost: 1},
		{Sent: 2, Expected: 20, Delivered: 21, Duplicated: 1},
		{Sent: 2, Expected: 20, Delivered: 20, Lost: 1, Duplicated: 1},
		{Sent: 2, Expected: 20, Delivered: 20, Reordered: 1},
		{Sent: 2, Expected: 20, Delivered: 20, Closes: map[int]int{1006: 1}},
		{Sent: 2, Expected: 20, Delivered: 20, Errors: map[string]int{"forbidden: no": 1}},
	} {
		if bad.Clean() {
			t.Error("clean: ", bad)
		}
	}
	bad := Tally{Reordered: 3, Closes: map[int]int{4001: 2, 1006: 1}, Errors: map[string]int{"e": 4}}
	if want := "0 sent, 0 of 0 delivered, 0 lost, 3 reordered, 1 closed with 1006, 2 closed with 4001, 4× e"; bad.String() != want {
		t.Errorf("got  %s\nwant %s", bad, want)
	}
}
