package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Work is a client process: it reads what it is to do, a line of JSON for each order, does it, and writes what came of it. It
// ends when orders do, with their end or with ctx. The command of Plan.Client calls it with its standard input and output.
func Work(ctx context.Context, orders io.Reader, answers io.Writer) error {
	in := json.NewDecoder(orders)
	var s share
	if err := in.Decode(&s); err != nil {
		return fmt.Errorf("reading what to do: %w", err)
	}
	w := &worker{out: json.NewEncoder(answers)}
	err := w.work(ctx, s, in)
	if err != nil && ctx.Err() == nil {
		w.tell(answer{Error: err.Error(), Misuse: errors.As(err, new(Misuse))})
	}
	return err
}

// worker does the orders, on one goroutine; another one reads them.
type worker struct {
	*crowd
	out     *json.Encoder
	failed  error       // of writing
	stopped atomic.Bool // set by the reader of orders when it comes upon stop

	next   time.Duration // of the ticks
	before tick          // what the last one had counted
	turned time.Duration // when the last one was
	rested time.Duration // loop.waited then
	pulse  time.Duration // when the sockets beat next
	home   bool          // nobody shall go any more
}

func (w *worker) tell(a answer) {
	if err := w.out.Encode(a); err != nil && w.failed == nil {
		w.failed = fmt.Errorf("answering: %w", err)
	}
}

func (w *worker) work(ctx context.Context, s share, in *json.Decoder) (err error) {
	if w.crowd, err = newCrowd(ctx, s); err != nil {
		return err
	}
	defer w.close()
	w.stop, w.onTurn, w.turned = w.stopped.Load, w.afterTurn, now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan order) // from the reader, which closes nothing and ends the run by cancel
	go func() {
		defer cancel() // who told us what to do is gone, or has nothing more
		for {
			var o order
			if in.Decode(&o) != nil {
				return
			}
			if o.Do == doStop {
				w.stopped.Store(true)
				continue
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-orders:
			a := answer{Done: o.Do}
			if err := w.do(ctx, o, &a); err != nil {
				return err
			}
			w.emit(false)
			w.tell(a)
		default:
			if err := w.turn(ctx, now()+turnTime); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if w.failed != nil {
			return w.failed
		}
	}
}

// do carries out one order.
func (w *worker) do(ctx context.Context, o order, a *answer) error {
	if w.stopped.Load() && o.Do != doMail {
		return nil
	}
	switch o.Do {
	case doOpen:
		return w.enter(ctx, w.members, o.Start, 0)
	case doJoin:
		return w.join(ctx, w.members)
	case doPlay:
		err := w.perform(ctx, o.Start)
		w.said(a)
		return err
	case doCycle:
		err := w.cycle(ctx, now()+time.Hour)
		w.said(a)
		return err
	case doPart:
		w.part()
	case doSpeak:
		err := w.speak(ctx, o.Start)
		w.said(a)
		return err
	case doStorm:
		return w.storm(ctx, o.Start)
	case doMail:
		return w.mail(ctx, o.Sent, a)
	default:
		return fmt.Errorf("there is no order %q", o.Do)
	}
	return nil
}

// said tells what our own publishers sent.
func (w *worker) said(a *answer) {
	a.Sent = map[int]uint32{}
	for p, n := range w.sent {
		if n > 0 {
			a.Sent[p] = n
		}
	}
}

// perform publishes: warm-up, then what is measured.
func (w *worker) perform(ctx context.Context, start time.Duration) error {
	p := &w.Plan
	if p.Mode == Soak && p.Churn > 0 {
		w.churn(p.Churn/w.Of + min(1, max(0, p.Churn%w.Of-w.Index)))
	}
	if err := w.rest(ctx, start-now()); err != nil {
		return err
	}
	if p.Rate == 0 {
		if err := w.cycle(ctx, start+p.WarmUp); err != nil {
			return err
		}
		w.warm(start + p.WarmUp)
		return w.cycle(ctx, start+p.WarmUp+p.Duration)
	}
	rate := p.Rate * float64(p.Rooms)
	warm, total := lasting(rate, p.WarmUp).total, lasting(rate, p.WarmUp+p.Duration).total
	schedule := pace{rate: rate}
	if err := w.play(ctx, schedule, start, 0, warm); err != nil {
		return err
	}
	w.warm(start + schedule.at(warm))
	return w.play(ctx, schedule, start, warm, total)
}

// warm makes what follows count.
func (w *worker) warm(from time.Duration) {
	w.emit(false)
	w.measure(from)
	w.tell(answer{Done: doWarm})
}

// mail waits until everything has come that was sent, or nothing does any more, and counts.
func (w *worker) mail(ctx context.Context, sent []uint32, a *answer) error {
	if sent != nil {
		copy(w.sent, sent)
	}
	w.home = true
	if err := w.turnUntil(ctx, "coming home", w.abroad, nothing); err != nil {
		return err
	}
	if err := w.drain(ctx); err != nil {
		return err
	}
	if w.tally.Delivered == 0 && w.missing() > 0 && !w.d.Recovers && len(w.closes) == 0 {
		return w.silence("a delivery", w.d.Publish)
	}
	t := w.count()
	a.Mail, a.Paid = &t, w.paid
	return nil
}

// afterTurn is called after every turn.
func (w *worker) afterTurn() error {
	w.beat(&w.pulse)
	if len(w.restless) > 0 {
		if err := w.comeAndGo(w.home); err != nil {
			return err
		}
	}
	if now() >= w.next {
		w.emit(true)
		w.next = now().Truncate(time.Second) + time.Second
	}
	return nil
}

// emit tells what has happened since it last did.
func (w *worker) emit(whole bool) {
	t := w.total
	t.Sent, t.Delivered = w.tally.Sent, w.tally.Delivered
	sum := t
	t.Connects -= w.before.Connects
	t.Sent -= w.before.Sent
	t.Delivered -= w.before.Delivered
	t.Resumed -= w.before.Resumed
	t.Open, t.Joined = w.open, w.joined
	at := now()
	t.Whole, t.Past = whole, (at - w.turned).Seconds()
	t.Busy = max(0, t.Past-(w.waited-w.rested).Seconds())
	t.Late, t.Behind, t.Connecting = encode(w.late), encode(w.behind), encode(w.connects)
	w.before, w.turned, w.rested = sum, at, w.waited
	w.tell(answer{Tick: &t})
}
