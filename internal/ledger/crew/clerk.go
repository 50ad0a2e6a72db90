package crew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hubbub/internal/ledger"
)

// clerk reads logs at one instance.
const clerk = "clerk"

// page is the most that history gives at once.
const page = 200

// logs reads every room's log at one instance, from the first message that is kept to the last; what cannot be answered is asked
// again until ctx ends.
func (c *Crew) logs(ctx context.Context, hub Hub) (map[string]ledger.Log, error) {
	logs := map[string]ledger.Log{}
	for {
		err := c.ask(ctx, hub, func(line *conn) error {
			for _, room := range Rooms {
				l, err := readLog(ctx, line, room)
				if err != nil {
					return err
				}
				logs[room] = l
			}
			return nil
		})
		if err == nil || errors.Is(err, errSpeech) {
			return logs, err
		}
		if pause(ctx, 200*time.Millisecond); ctx.Err() != nil {
			return logs, err
		}
	}
}

// same says whether the logs still end where they did.
func (c *Crew) same(ctx context.Context, hub Hub, logs map[string]ledger.Log) (same bool, err error) {
	same = true
	err = c.ask(ctx, hub, func(line *conn) error {
		for _, room := range Rooms {
			e, err := history(ctx, line, fmt.Appendf(nil, `"room":%s,"limit":0`, quote(room)))
			if err != nil {
				return err
			}
			same = same && e.Epoch == logs[room].Epoch && e.Last == logs[room].Last()
		}
		return nil
	})
	return same, err
}

func (c *Crew) ask(ctx context.Context, hub Hub, questions func(*conn) error) error {
	line, err := dial(ctx, hub.URL(), clerk, false)
	if err != nil {
		return err
	}
	defer line.close()
	return questions(line)
}

// readLog turns the pages.
func readLog(ctx context.Context, line *conn, room string) (l ledger.Log, err error) {
	e, err := history(ctx, line, fmt.Appendf(nil, `"room":%s,"limit":0`, quote(room)))
	if err != nil {
		return l, err
	}
	l = ledger.Log{Epoch: e.Epoch, First: e.First}
	for end := e.Last; l.Last() < end; {
		e, err := history(ctx, line, fmt.Appendf(nil, `"room":%s,"epoch":%s,"after":%d,"limit":%d`, quote(room), quote(l.Epoch), l.Last(), page))
		if err != nil {
			return l, err
		}
		if len(e.Messages) == 0 {
			return l, fmt.Errorf("%w: the log of %q ends at %d, and the page behind %d is empty", errSpeech, room, end, l.Last())
		}
		for _, m := range e.Messages {
			if m.Offset != l.Last()+1 {
				return l, fmt.Errorf("%w: history of %q goes from %d to %d", errSpeech, room, l.Last(), m.Offset)
			}
			l.Messages = append(l.Messages, m.message(m.From, room))
		}
	}
	return l, nil
}

// errAgain is an answer that another try may better.
var errAgain = errors.New("refused")

func history(ctx context.Context, line *conn, fields []byte) (event, error) {
	within, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	command := append([]byte(`{"type":"history","ref":1,`), fields...)
	if err := line.write(within, append(command, '}')); err != nil {
		return event{}, err
	}
	e, err := line.read(within)
	switch {
	case err != nil:
		return e, err
	case e.Type == "error" && (e.Code == "unavailable" || e.Code == "bad_request"): // bad: a new epoch between two pages
		return e, fmt.Errorf("%w: %s: %s", errAgain, e.Code, e.Message)
	case e.Type != "history":
		return e, fmt.Errorf("%w: %s %s: %s", errSpeech, e.Type, e.Code, e.Message)
	}
	return e, nil
}

// answerTime is how long a page may take.
const answerTime = 10 * time.Second
