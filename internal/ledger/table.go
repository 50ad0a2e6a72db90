package ledger

import (
	"fmt"
	"strings"
	"time"
)

// Line is a row of the table: a fault, what it did, and how long it took after the last publish was answered until every
// reader had everything.
type Line struct {
	Fault string
	Verdict
	CaughtUp time.Duration
}

// Header is the first two lines of the table, in Markdown. The columns in bold have to be 0.
func Header() string {
	names := []string{
		"fault", "sent", "acked", "stored", "delivered", "**lost**", "**holes**", "**duplicates**", "**reordered**", "**phantoms**",
		"trimmed", "epochs", "forgotten", "caught up in",
	}
	return "| " + strings.Join(names, " | ") + " |\n|---|" + strings.Repeat("---:|", len(names)-1)
}

// String is the line in Markdown.
func (l Line) String() string {
	v := l.Verdict
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %.1f s |",
		l.Fault, v.Sent, v.Acked, v.Stored, v.Delivered, v.Lost, v.Holes, v.Duplicates, v.Reordered, v.Phantoms,
		v.Trimmed, v.Epochs, v.Forgotten, l.CaughtUp.Seconds())
}
