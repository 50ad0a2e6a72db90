package ledger

// View is what one reader writes down of one room: everything that the hub said of it, in order, over all its
// connections. It belongs to one goroutine at a time.
type View struct {
	Reader string
	Room   string
	// History is set for a log that was read page by page: it is judged like any other, but its messages are not
	// deliveries.
	History bool

	base   Position // where it began
	at     Position // how far it has come: what to resume from
	events []event
}

type eventKind uint8

const (
	joined eventKind = iota
	delivered
	trimmed
	newEpoch
)

type event struct {
	kind    eventKind
	epoch   string // joined, newEpoch
	from    uint64 // delivered: the offset; trimmed: the first one
	to      uint64 // trimmed
	message Message
}

// NewView begins behind base, which the hub named in its first "joined": from there on the reader is owed everything.
func NewView(reader, room string, base Position) *View {
	return &View{Reader: reader, Room: room, base: base, at: base}
}

// At is how far the reader has come, by what it was told.
func (v *View) At() Position { return v.at }

// Joined takes the answer to a later join. What comes next is of its epoch; if that is another one than the reader's, the hub has to
// say so with a gap first.
func (v *View) Joined(epoch string) {
	v.events = append(v.events, event{kind: joined, epoch: epoch})
}

// Message takes a message frame.
func (v *View) Message(offset uint64, m Message) {
	v.events = append(v.events, event{kind: delivered, from: offset, message: m})
	v.at.Offset = max(v.at.Offset, offset)
}

// Trimmed takes a gap of that reason.
func (v *View) Trimmed(from, to uint64) {
	v.events = append(v.events, event{kind: trimmed, from: from, to: to})
	v.at.Offset = max(v.at.Offset, to)
}

// Epoch takes a gap of that reason: another log, from its beginning.
func (v *View) Epoch(epoch string) {
	v.events = append(v.events, event{kind: newEpoch, epoch: epoch})
	v.at = Position{Epoch: epoch}
}

// AsView is a log as its reader saw it.
func (l Log) AsView(reader, room string) *View {
	v := NewView(reader, room, Position{l.Epoch, l.First - 1})
	v.History = true
	for i, m := range l.Messages {
		v.Message(l.First+uint64(i), m)
	}
	return v
}
