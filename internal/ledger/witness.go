package ledger

// witness goes through one view.
type witness struct {
	*judge
	*View
	log   Log
	at    Position // how far it has come
	wire  string   // the epoch that the next message frame belongs to, by the protocol
	lives map[string]*life
}

// life is what a reader had of one epoch.
type life struct {
	base    uint64 // it is owed everything behind this
	numbers map[Number]bool
	offsets map[uint64]bool
	told    []span // gaps
}

type span struct{ from, to uint64 }

func (w *witness) life(epoch string) *life {
	l := w.lives[epoch]
	if l == nil {
		l = &life{numbers: map[Number]bool{}, offsets: map[uint64]bool{}}
		w.lives[epoch] = l
	}
	return l
}

func (l *life) knowsGone(offset uint64) bool {
	for _, s := range l.told {
		if s.from <= offset && offset <= s.to {
			return true
		}
	}
	return false
}

// hear follows what the reader was told.
func (w *witness) hear() {
	for _, e := range w.events {
		switch e.kind {
		case joined:
			w.wire = e.epoch
		case delivered:
			w.message(e.from, e.message)
		case trimmed:
			w.Verdict.Trimmed++
			w.enter()
			if e.to < e.from || e.from <= w.at.Offset {
				w.fault(&w.Reordered, 1, "reordered: %s in %q stood at %s and was told of a gap from %d to %d", w.Reader, w.Room, w.at, e.from, e.to)
			} else {
				w.skip(e.from, "a gap")
				w.life(w.at.Epoch).told = append(w.life(w.at.Epoch).told, span{e.from, e.to})
			}
			w.at.Offset = max(w.at.Offset, e.to)
		case newEpoch:
			w.Verdict.Epochs++
			w.at, w.wire = Position{Epoch: e.epoch}, e.epoch
			w.life(e.epoch).base = 0
		}
	}
}

// enter is the step into an epoch that "joined" named and no gap announced.
func (w *witness) enter() {
	if w.wire != w.at.Epoch {
		w.fault(&w.Holes, 1, "hole: %s in %q stood at %s and went on in epoch %s without a word", w.Reader, w.Room, w.at, w.wire)
		w.at = Position{Epoch: w.wire}
	}
}

// skip moves to just before offset: what lies between was not announced.
func (w *witness) skip(offset uint64, what string) {
	w.fault(&w.Holes, int(offset-w.at.Offset-1), "hole: %s in %q stood at %s and then got %s at %d", w.Reader, w.Room, w.at, what, offset)
	w.at.Offset = offset - 1
}

func (w *witness) message(offset uint64, m Message) {
	if !w.History {
		w.Delivered++
	}
	w.enter()
	life, here := w.life(w.at.Epoch), Position{w.at.Epoch, offset}
	switch {
	case life.numbers[m.Number] || life.offsets[offset]:
		w.fault(&w.Duplicates, 1, "duplicate: %s in %q got %s at %s, and had that number or that offset already", w.Reader, w.Room, m.Number, here)
	case offset <= w.at.Offset:
		w.fault(&w.Reordered, 1, "reordered: %s in %q stood at %s and got %s at %d", w.Reader, w.Room, w.at, m.Number, offset)
	}
	if offset > w.at.Offset {
		w.skip(offset, m.String())
		w.at.Offset = offset
	}
	life.numbers[m.Number], life.offsets[offset] = true, true

	if room, sent := w.sent[m.Number]; !sent || room != w.Room {
		w.fault(&w.Phantoms, 1, "phantom: %s in %q got %s at %s, which nobody sent there", w.Reader, w.Room, m.Number, here)
	} else if here.Epoch == w.log.Epoch && offset >= w.log.First && (offset > w.log.Last() || w.log.at(offset) != m) {
		w.fault(&w.Phantoms, 1, "phantom: %s in %q got %s at %s, where the log has %s", w.Reader, w.Room, m.Number, here, w.inLog(offset))
	}
	if c, known := w.claims[place{w.Room, here}]; !known {
		w.claims[place{w.Room, here}] = claim{w.Reader, m}
	} else if c.Message != m {
		w.fault(&w.Reordered, 1, "reordered: %s in %q got %s (time %d) at %s, where %s got %s (time %d)", w.Reader, w.Room, m.Number, m.Time, here, c.by, c.Number, c.Time)
	}
}

func (w *witness) inLog(offset uint64) string {
	if offset > w.log.Last() {
		return "its end before it"
	}
	return w.log.at(offset).String()
}

// compare looks for what the log has and the reader has not.
func (w *witness) compare() {
	life := w.lives[w.log.Epoch]
	for offset := w.log.First; offset <= w.log.Last(); offset++ {
		switch {
		case life == nil:
			w.fault(&w.Lost, 1, "lost: %s in %q stands at %s and never heard of epoch %s", w.Reader, w.Room, w.at, w.log.Epoch)
		case offset <= life.base || life.offsets[offset]:
		case life.knowsGone(offset):
			w.fault(&w.Lost, 1, "lost: %s in %q was told that %d is gone, and the log has it (%s)", w.Reader, w.Room, offset, w.log.at(offset).Number)
		default:
			w.fault(&w.Lost, 1, "lost: %s in %q never got %s at %d, and stands at %s", w.Reader, w.Room, w.log.at(offset).Number, offset, w.at)
		}
	}
}
