package ledger

import (
	"strings"
	"testing"
	"time"
)

// world is a small true story, which each case then forges: p sent 1 to 5 into "r", all were acked at e1:1 to e1:5, and
// two readers, one of whom came back behind 2, saw all of it.
type world struct {
	book    *Book
	log     Log
	a, b    *View
	views   []*View
	forgets bool
}

func said(n int) Message { return Message{Number{"p", n}, int64(1000 + n)} }

func truth(t *testing.T) *world {
	t.Helper()
	w := &world{book: NewBook("p"), log: Log{Epoch: "e1", First: 1}}
	w.a, w.b = NewView("a", "r", Position{"e1", 0}), NewView("b", "r", Position{"e1", 0})
	for i := 1; i <= 5; i++ {
		if n := w.book.Send("r"); n.N != i {
			t.Fatalf("number %d is %s", i, n)
		}
		if err := w.book.Ack(i, Position{"e1", uint64(i)}); err != nil {
			t.Fatal(err)
		}
		w.log.Messages = append(w.log.Messages, said(i))
		w.a.Message(uint64(i), said(i))
		if i == 3 {
			w.b.Joined("e1")
		}
		w.b.Message(uint64(i), said(i))
	}
	return w
}

// fresh is a reader of "r" that begins behind base, in place of b.
func (w *world) fresh(base uint64) *View {
	w.b = NewView("b", "r", Position{"e1", base})
	return w.b
}

// sees gives b messages at their own offsets.
func (w *world) sees(numbers ...int) {
	for _, n := range numbers {
		w.b.Message(uint64(n), said(n))
	}
}

func (w *world) judge() Verdict {
	return Judge(Evidence{
		Books: []*Book{w.book}, Logs: map[string]Log{"r": w.log}, Forgets: w.forgets,
		Views: append([]*View{w.a, w.b}, w.views...),
	})
}

// second begins epoch e2 in which number 6 stands at 1, after 1 to 5 in e1.
func (w *world) second(t *testing.T) {
	t.Helper()
	w.forgets = true
	w.book.Send("r")
	if err := w.book.Ack(6, Position{"e2", 1}); err != nil {
		t.Fatal(err)
	}
	w.log = Log{Epoch: "e2", First: 1, Messages: []Message{said(6)}}
}

func TestJudge(t *testing.T) {
	type counts struct{ lost, holes, duplicates, reordered, phantoms, trimmed, epochs, forgotten int }
	for name, c := range map[string]struct {
		forge func(t *testing.T, w *world)
		want  counts
	}{
		"the truth":              {func(*testing.T, *world) {}, counts{}},
		"begins later":           {func(_ *testing.T, w *world) { w.fresh(3); w.sees(4, 5) }, counts{}},
		"the tail never comes":   {func(_ *testing.T, w *world) { w.fresh(0); w.sees(1, 2, 3) }, counts{lost: 2}},
		"nothing ever comes":     {func(_ *testing.T, w *world) { w.fresh(0) }, counts{lost: 5}},
		"a silent hole":          {func(_ *testing.T, w *world) { w.fresh(0); w.sees(1, 4, 5) }, counts{lost: 2, holes: 2}},
		"a hole behind the base": {func(_ *testing.T, w *world) { w.fresh(2); w.sees(5) }, counts{lost: 2, holes: 2}},
		"a wrong gap": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1)
			w.b.Trimmed(2, 3)
			w.sees(4, 5)
		}, counts{lost: 2, trimmed: 1}},
		"a true gap": {func(_ *testing.T, w *world) {
			w.log.First, w.log.Messages = 4, w.log.Messages[3:]
			w.fresh(0)
			w.sees(1)
			w.b.Trimmed(2, 3)
			w.sees(4, 5)
		}, counts{trimmed: 1}},
		"a gap that begins too late": {func(_ *testing.T, w *world) {
			w.log.First, w.log.Messages = 4, w.log.Messages[3:]
			w.fresh(0)
			w.b.Trimmed(2, 3)
			w.sees(4, 5)
		}, counts{holes: 1, trimmed: 1}},
		"a gap that ends too early": {func(_ *testing.T, w *world) {
			w.log.First, w.log.Messages = 4, w.log.Messages[3:]
			w.fresh(0)
			w.b.Trimmed(1, 2)
			w.sees(4, 5)
		}, counts{holes: 1, trimmed: 1}},
		"a gap over what came": {func(_ *testing.T, w *world) {
			w.log.First, w.log.Messages = 4, w.log.Messages[3:]
			w.fresh(0)
			w.sees(1, 2)
			w.b.Trimmed(2, 3)
			w.sees(4, 5)
		}, counts{reordered: 1, trimmed: 1}},
		"a gap that is backwards": {func(_ *testing.T, w *world) { w.b.Trimmed(7, 6) }, counts{reordered: 1, trimmed: 1}},
		"the same again": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1, 2, 3, 3, 4, 5)
		}, counts{duplicates: 1}},
		"again after a move": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1, 2, 3)
			w.b.Joined("e1")
			w.sees(2, 3, 4, 5)
		}, counts{duplicates: 2}},
		"stored twice": {func(_ *testing.T, w *world) {
			w.log.Messages = append(w.log.Messages, said(5))
			w.a.Message(6, said(5))
			w.b.Message(6, said(5))
		}, counts{duplicates: 2}},
		"another message at an offset that came": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1, 2)
			w.b.Message(2, said(3))
			w.sees(4, 5)
		}, counts{lost: 1, holes: 1, duplicates: 1, reordered: 1, phantoms: 1}},
		"late": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1, 3, 2, 4, 5)
		}, counts{holes: 1, reordered: 1}},
		"never sent": {func(_ *testing.T, w *world) {
			w.log.Messages = append(w.log.Messages, said(9))
			w.a.Message(6, said(9))
			w.b.Message(6, said(9))
		}, counts{phantoms: 2}},
		"of another room": {func(t *testing.T, w *world) {
			n := w.book.Send("elsewhere")
			m := Message{n, 1}
			w.log.Messages = append(w.log.Messages, m)
			w.a.Message(6, m)
			w.b.Message(6, m)
		}, counts{phantoms: 2}},
		"beyond the log's end": {func(_ *testing.T, w *world) {
			w.log.Messages = w.log.Messages[:4]
		}, counts{lost: 1, phantoms: 2}}, // lost: its ack
		"another time than the log's": {func(_ *testing.T, w *world) {
			w.fresh(0)
			w.sees(1, 2, 3, 4)
			w.b.Message(5, Message{Number{"p", 5}, 7})
		}, counts{reordered: 1, phantoms: 1}},
		"two readers disagree where the log is trimmed": {func(_ *testing.T, w *world) {
			w.log.First, w.log.Messages = 4, w.log.Messages[3:]
			w.fresh(0)
			w.b.Message(1, said(2))
			w.b.Message(2, said(1))
			w.sees(3, 4, 5)
		}, counts{reordered: 2}},
		"an ack that the log contradicts": {func(_ *testing.T, w *world) {
			w.book.acks[0].At.Offset = 2
		}, counts{lost: 1, reordered: 1}},
		"acked beyond the log's end": {func(_ *testing.T, w *world) {
			w.book.acks[0].At.Offset = 6
		}, counts{lost: 1}},
		"another instance's history is short": {func(_ *testing.T, w *world) {
			short := Log{Epoch: "e1", First: 1, Messages: w.log.Messages[:3]}
			w.views = append(w.views, short.AsView("history at i2", "r"))
		}, counts{lost: 2}},
		"another instance's history is of another epoch": {func(_ *testing.T, w *world) {
			w.views = append(w.views, Log{Epoch: "e0", First: 1}.AsView("history at i2", "r"))
		}, counts{lost: 5}},

		"a new epoch": {func(t *testing.T, w *world) {
			w.second(t)
			for _, v := range []*View{w.a, w.b} {
				v.Epoch("e2")
				v.Message(1, said(6))
			}
		}, counts{epochs: 2, forgotten: 5}},
		"a new epoch, learnt at a join, and what came comes again": {func(t *testing.T, w *world) {
			w.second(t)
			w.log.Messages = append(w.log.Messages, said(5)) // retried
			for _, v := range []*View{w.a, w.b} {
				v.Joined("e2")
				v.Epoch("e2")
				v.Message(1, said(6))
				v.Message(2, said(5))
			}
		}, counts{epochs: 2, forgotten: 5}},
		"a new epoch where nothing may be forgotten": {func(t *testing.T, w *world) {
			w.second(t)
			w.forgets = false
			for _, v := range []*View{w.a, w.b} {
				v.Epoch("e2")
				v.Message(1, said(6))
			}
		}, counts{lost: 5, epochs: 2, forgotten: 5}},
		"one was not told of the new epoch": {func(t *testing.T, w *world) {
			w.second(t)
			w.a.Epoch("e2")
			w.a.Message(1, said(6))
		}, counts{lost: 1, epochs: 1, forgotten: 5}},
		"a new epoch without a word": {func(t *testing.T, w *world) {
			w.second(t)
			w.a.Epoch("e2")
			w.a.Message(1, said(6))
			w.b.Joined("e2")
			w.b.Message(1, said(6))
		}, counts{holes: 1, epochs: 1, forgotten: 5}},
		"a new epoch does not begin at its beginning": {func(t *testing.T, w *world) {
			w.second(t)
			w.book.Send("r")
			w.log.Messages = append(w.log.Messages, said(7))
			for _, v := range []*View{w.a, w.b} {
				v.Epoch("e2")
				v.Message(2, said(7))
			}
		}, counts{lost: 2, holes: 2, epochs: 2, forgotten: 5}},
		"an epoch that is not new": {func(_ *testing.T, w *world) {
			w.b.Epoch("e1")
			w.sees(1, 2, 3, 4, 5)
		}, counts{duplicates: 5, epochs: 1}},
		"an epoch that is not new, and its beginning is missing": {func(_ *testing.T, w *world) {
			w.fresh(3)
			w.b.Epoch("e1")
			w.sees(4, 5)
		}, counts{lost: 3, holes: 3, epochs: 1}},
		"offsets used again in the same epoch": {func(_ *testing.T, w *world) {
			// b was away while the store forgot 4 and 5 and put 6 in the place of 4.
			w.forgets = true
			w.book.Send("r")
			w.book.Ack(6, Position{"e1", 4})
			w.log.Messages = append(w.log.Messages[:3], said(6))
			w.fresh(0)
			w.sees(1, 2, 3)
			w.b.Message(4, said(6))
		}, counts{lost: 2, reordered: 2, phantoms: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := truth(t)
			c.forge(t, w)
			v := w.judge()
			got := counts{v.Lost, v.Holes, v.Duplicates, v.Reordered, v.Phantoms, v.Trimmed, v.Epochs, v.Forgotten}
			if got != c.want {
				t.Errorf("counted %+v, want %+v:\n%s", got, c.want, strings.Join(v.Examples, "\n"))
			}
			if bold := c.want.lost + c.want.holes + c.want.duplicates + c.want.reordered + c.want.phantoms; v.Guilty() != (bold > 0) || (bold > 0) != (len(v.Examples) > 0) {
				t.Errorf("guilty is %t, with %d examples", v.Guilty(), len(v.Examples))
			}
		})
	}
}

// TestExamples: a fault is told in words, a few of each column.
func TestExamples(t *testing.T) {
	w := truth(t)
	w.fresh(0)
	w.b.Trimmed(1, 4)
	w.sees(5)
	v := w.judge()
	if len(v.Examples) != maxExamples || v.Examples[0] != `lost: b in "r" was told that 1 is gone, and the log has it (p#1)` {
		t.Errorf("%d lost: %q", v.Lost, v.Examples)
	}
}

func TestTotals(t *testing.T) {
	w := truth(t)
	w.views = append(w.views, w.log.AsView("history at i1", "r"))
	w.book.Ack(1, Position{"e1", 1}) // again
	w.log.First, w.log.Messages = 3, w.log.Messages[2:]
	if v := w.judge(); v.Sent != 5 || v.Acked != 5 || v.Stored != 5 || v.Delivered != 10 {
		t.Errorf("sent %d, acked %d, stored %d, delivered %d", v.Sent, v.Acked, v.Stored, v.Delivered)
	}
	if err := w.book.Ack(6, Position{"e1", 6}); err == nil {
		t.Error("an ack of what was not sent was taken")
	}
}

// TestNoLog: without a log there still is what readers say of each other.
func TestNoLog(t *testing.T) {
	w := truth(t)
	w.fresh(0)
	w.sees(1, 3)
	w.b.Message(4, said(5))
	v := Judge(Evidence{Books: []*Book{w.book}, Views: []*View{w.a, w.b}})
	if v.Lost != 0 || v.Holes != 1 || v.Reordered != 1 || v.Acked != 5 {
		t.Errorf("%+v", v)
	}
}

func TestEmptyLog(t *testing.T) {
	l := Log{Epoch: "e1", First: 1}
	a := NewView("a", "r", Position{"e1", 0})
	if v := Judge(Evidence{Views: []*View{a, l.AsView("history", "r")}, Logs: map[string]Log{"r": l}}); v.Guilty() || v.Stored != 0 {
		t.Errorf("%+v", v)
	}
}

// TestResume: where a reader resumes from is the last thing it was told.
func TestResume(t *testing.T) {
	v := NewView("a", "r", Position{"e1", 3})
	for _, c := range []struct {
		do   func()
		want Position
	}{
		{func() {}, Position{"e1", 3}},
		{func() { v.Message(4, said(4)) }, Position{"e1", 4}},
		{func() { v.Trimmed(5, 9) }, Position{"e1", 9}},
		{func() { v.Joined("e2") }, Position{"e1", 9}},
		{func() { v.Epoch("e2") }, Position{"e2", 0}},
		{func() { v.Message(1, said(5)) }, Position{"e2", 1}},
	} {
		if c.do(); v.At() != c.want {
			t.Errorf("at %v, want %v", v.At(), c.want)
		}
	}
}

func TestTable(t *testing.T) {
	l := Line{Fault: "none", CaughtUp: 1260 * time.Millisecond, Verdict: Verdict{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, nil}}
	if got, want := l.String(), "| none | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 1.3 s |"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if h := strings.Split(Header(), "\n"); len(h) != 2 || strings.Count(h[0], "|") != strings.Count(l.String(), "|") || strings.Count(h[1], "|") != strings.Count(h[0], "|") {
		t.Errorf("the header does not fit: %s", Header())
	}
}
