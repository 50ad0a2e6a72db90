package ledger

import "fmt"

// Evidence is all that a row has to be judged by. Every reader began before the first message was sent.
type Evidence struct {
	Books []*Book
	Views []*View
	Logs  map[string]Log // by room
	// Forgets says that this row's store may lose what was acked, as long as every reader is told.
	Forgets bool
}

// Verdict is a line of the table. The package's comment says what its fields mean.
type Verdict struct {
	Sent, Acked, Stored, Delivered               int
	Lost, Holes, Duplicates, Reordered, Phantoms int
	Trimmed, Epochs, Forgotten                   int
	Examples                                     []string // the first faults of each column, in words
}

// Guilty says whether one of the columns that have to be 0 is not.
func (v Verdict) Guilty() bool {
	return v.Lost+v.Holes+v.Duplicates+v.Reordered+v.Phantoms > 0
}

// maxExamples is how many faults of a column are told in words. The first ones say more than all of them.
const maxExamples = 3

// fault counts n faults in a column and remembers the first ones.
func (j *judge) fault(column *int, n int, format string, args ...any) {
	*column += n
	if n > 0 && j.told[column] < maxExamples {
		j.told[column]++
		j.Examples = append(j.Examples, fmt.Sprintf(format, args...))
	}
}

// place is where something stands: offsets of two epochs or rooms have nothing to do with each other.
type place struct {
	room string
	at   Position
}

// claim is the first that was said about a place.
type claim struct {
	by string
	Message
}

// judge is a verdict in the making.
type judge struct {
	Verdict
	Evidence
	sent   map[Number]string // the room
	claims map[place]claim
	told   map[*int]int // how many examples a column has
}

// Judge holds every view against the log, the acks, and the other views.
func Judge(e Evidence) Verdict {
	j := judge{Evidence: e, sent: map[Number]string{}, claims: map[place]claim{}, told: map[*int]int{}}
	for _, b := range e.Books {
		j.Sent += len(b.rooms)
		j.Acked += len(b.acked)
		for i, room := range b.rooms {
			j.sent[Number{b.publisher, i + 1}] = room
		}
	}
	for _, l := range e.Logs {
		j.Stored += int(l.Last())
	}
	for _, v := range e.Views {
		log, known := e.Logs[v.Room]
		w := witness{judge: &j, View: v, log: log, at: v.base, wire: v.base.Epoch, lives: map[string]*life{}}
		w.life(v.base.Epoch).base = v.base.Offset
		w.hear()
		if known {
			w.compare()
		}
	}
	for _, b := range e.Books {
		j.audit(b)
	}
	return j.Verdict
}

// audit looks for what was acked.
func (j *judge) audit(b *Book) {
	forgotten := map[int]bool{}
	for _, a := range b.acks {
		log, known := j.Logs[a.Room]
		switch {
		case !known:
			continue
		case a.At.Epoch != log.Epoch:
			if !j.Forgets {
				j.fault(&j.Lost, 1, "lost: %s was acked at %s in %q, and the epoch is %s now: nothing had the right to end one", a.Number, a.At, a.Room, log.Epoch)
			}
			forgotten[a.N] = true
		case a.At.Offset < log.First: // trimmed
		case a.At.Offset > log.Last():
			j.fault(&j.Lost, 1, "lost: %s was acked at %s in %q, and the log ends at %d", a.Number, a.At, a.Room, log.Last())
		case log.at(a.At.Offset).Number != a.Number:
			j.fault(&j.Lost, 1, "lost: %s was acked at %s in %q, and the log has %s there", a.Number, a.At, a.Room, log.at(a.At.Offset).Number)
		}
		if a.At.Epoch != log.Epoch {
			continue // two masters may both have acked an offset of it; the readers' views of it are compared all the same
		}
		if c, known := j.claims[place{a.Room, a.At}]; known && c.Number != a.Number {
			j.fault(&j.Reordered, 1, "reordered: %s was acked at %s in %q, where %s saw %s", a.Number, a.At, a.Room, c.by, c.Number)
		} else if !known {
			j.claims[place{a.Room, a.At}] = claim{by: "an ack", Message: Message{Number: a.Number}}
		}
	}
	j.Forgotten += len(forgotten)
}
