// Package ledger keeps the books of a hub under faults and passes the verdict. Publishers number what they send,
// readers write down what they are told, and in the end every reader's view is held against the log. It is pure: it opens no
// socket and asks no clock; the stage, the crew and the faults are in its subfolders.
//
// A message is known by its own number (the publisher's name and a count), never by where the hub put it. What the
// columns of the table mean, for one row, summed over all rooms:
//
//   - sent: numbers that publishers used. A retry of an unanswered publish keeps its number and its key, and is not sent again.
//   - acked: numbers that got a "published".
//   - stored: messages in the logs of the epochs that are current at the end, trimmed ones included.
//   - delivered: message frames that readers got, over all readers.
//   - LOST: a message that a reader should have and has not. It is in the log at the end, behind the place where the reader
//     began, and never came; a reader that never heard of the log's epoch lacks all of it. Being told of a gap does not help
//     if the log still has the message: a wrong gap is a loss. Also every acked message that is not where its ack says: in
//     the current epoch always (unless trimmed), in an ended epoch when the row's store had no right to forget.
//   - HOLES: offsets that a reader was led over without a gap. A gap that begins too late leaves one; an epoch that changes
//     without the gap that says so is one. (A hole whose message is in the log is a loss, too.)
//   - DUPLICATES: a reader saw the same number twice, or the same offset twice, within one epoch. What comes again in a new
//     epoch, that was announced, is no duplicate.
//   - REORDERED: an offset below the one before it in its epoch that had not been seen, a gap over what was passed already, or a
//     reader that saw something else at an (epoch, offset) than another reader did or, in the current epoch, than an ack said.
//   - PHANTOMS: delivered but never sent (also: into another room, or with a changed payload), or delivered at an (epoch,
//     offset) where the log has something else or, beyond its end, nothing. Number and time are compared.
//   - trimmed: gap frames of reason "trimmed"; epochs: those of reason "epoch". Both over all readers.
//   - forgotten: acked messages of an ended epoch that are not in the current log, where the row's store may forget. That
//     every reader was told follows from holes and losses being 0.
//
// A room of which no log could be read is judged by what readers say of each other, and the row has failed anyway.
//
// The log of the current epoch is read with "history" in pages, at every instance; the first one's is the log, and
// the others' are judged like readers that began where the log does.
package ledger

import "fmt"

// Number names a message: who sent it, and which of theirs it is, counting from 1.
type Number struct {
	Publisher string
	N         int
}

func (n Number) String() string { return fmt.Sprintf("%s#%d", n.Publisher, n.N) }

// Message is what is compared: the number, and the hub's time in milliseconds, which is part of what was stored.
// A payload that no publisher wrote has a Number that none has.
type Message struct {
	Number
	Time int64
}

// Position is a place in a room's log.
type Position struct {
	Epoch  string
	Offset uint64
}

func (p Position) String() string { return fmt.Sprintf("%s:%d", p.Epoch, p.Offset) }

// Log is a room's log as history shows it at the end: Messages[i] has the offset First+i.
type Log struct {
	Epoch    string
	First    uint64
	Messages []Message
}

// Last is the newest offset, First-1 for an empty log. (First is 1 in a new one, so there is no Last of the zero Log.)
func (l Log) Last() uint64 { return l.First + uint64(len(l.Messages)) - 1 }

// at is the message with an offset within First and Last.
func (l Log) at(offset uint64) Message { return l.Messages[offset-l.First] }

// Ack is a "published".
type Ack struct {
	Number
	Room string
	At   Position
}

// Book is what one publisher writes down. It belongs to one goroutine at a time.
type Book struct {
	publisher string
	rooms     []string // where number i+1 went
	acks      []Ack
	acked     map[int]bool
}

// NewBook is an empty one.
func NewBook(publisher string) *Book { return &Book{publisher: publisher, acked: map[int]bool{}} }

// Send gives the next number, for a message to room.
func (b *Book) Send(room string) Number {
	b.rooms = append(b.rooms, room)
	return Number{b.publisher, len(b.rooms)}
}

// Ack takes an answer. One message may get several, if it was retried.
func (b *Book) Ack(n int, at Position) error {
	if n < 1 || n > len(b.rooms) {
		return fmt.Errorf("the hub acked %s#%d, and only %d were sent", b.publisher, n, len(b.rooms))
	}
	b.acks = append(b.acks, Ack{Number{b.publisher, n}, b.rooms[n-1], at})
	b.acked[n] = true
	return nil
}

// Room is where a number went.
func (b *Book) Room(n int) string { return b.rooms[n-1] }
