package crew

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/internal/ledger"
)

// play lets a small crew work with fakes until enough is stored, and judges it.
func play(t *testing.T, o Options, enough int, meanwhile func(), hubs ...*fake) (ledger.Verdict, Finding, error) {
	t.Helper()
	for _, h := range hubs {
		o.Hubs = append(o.Hubs, h)
	}
	o.Seed, o.Rate = 1, 2000
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
	err = c.await(t.Context(), "enough is stored", func() bool {
		n := 0
		for _, p := range c.publishers {
			p.mu.Lock()
			n += len(p.open)
			p.mu.Unlock()
		}
		hubs[0].mu.Lock()
		defer hubs[0].mu.Unlock()
		for _, r := range hubs[0].rooms {
			n += len(r.log)
		}
		return n >= enough && len(hubs[0].room(Rooms[0]).log) >= 10 // which once waits for
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Finish(t.Context())
	return ledger.Judge(ledger.Evidence{Books: f.Books, Views: f.Views, Logs: f.Logs, Forgets: hubs[0].epoch != "e1"}), f, err
}

// small is a crew without those who need patience.
var small = Options{Steady: 2, Moving: -1, Slow: -1, Publishers: 2}

func TestHonestHub(t *testing.T) {
	v, f, err := play(t, Options{Steady: 1, Moving: 1, Slow: 1}, 500, nil, newFake(t))
	if err != nil || v.Guilty() || v.Sent < 400 || v.Acked != v.Sent || v.Stored != v.Sent || v.Delivered != 3*v.Sent || f.Disturbed != 0 {
		t.Errorf("%+v, %d disturbed, %v", v, f.Disturbed, err)
	}
}

// once is true the first time that it is asked about this reader, the room "plain" and an offset of at least 5.
func once() func(to, room string, offset int) bool {
	told := false
	return func(to, room string, offset int) bool {
		if told || to != "steady1" || room != Rooms[0] || offset < 5 {
			return false
		}
		told = true
		return true
	}
}

func TestLies(t *testing.T) {
	type lie func(is func(string, string, int) bool) func(to, room string, offset int, frame string) []string
	replace := func(old, with string) lie {
		return func(is func(string, string, int) bool) func(string, string, int, string) []string {
			return func(to, room string, offset int, frame string) []string {
				if is(to, room, offset) {
					frame = strings.Replace(frame, old, with, 1)
				}
				return []string{frame}
			}
		}
	}
	for name, c := range map[string]struct {
		lie  lie
		want func(ledger.Verdict) bool
	}{
		"left out": {func(is func(string, string, int) bool) func(string, string, int, string) []string {
			return func(to, room string, offset int, frame string) []string {
				if is(to, room, offset) {
					return nil
				}
				return []string{frame}
			}
		}, func(v ledger.Verdict) bool { return v.Lost == 1 && v.Holes == 1 }},
		"twice": {func(is func(string, string, int) bool) func(string, string, int, string) []string {
			return func(to, room string, offset int, frame string) []string {
				if is(to, room, offset) {
					return []string{frame, frame}
				}
				return []string{frame}
			}
		}, func(v ledger.Verdict) bool { return v.Duplicates == 1 }},
		"swapped": {func(is func(string, string, int) bool) func(string, string, int, string) []string {
			var kept []string
			return func(to, room string, offset int, frame string) []string {
				if is(to, room, offset) {
					kept = []string{frame}
					return nil
				}
				if to == "steady1" && room == Rooms[0] && kept != nil {
					out := append([]string{frame}, kept...)
					kept = nil
					return out
				}
				return []string{frame}
			}
		}, func(v ledger.Verdict) bool { return v.Reordered == 1 && v.Holes == 1 }},
		"another payload": {replace(`~`, `-`), func(v ledger.Verdict) bool { return v.Phantoms == 1 && v.Reordered == 1 }},
		"another sender":  {replace(`"from":"p`, `"from":"q`), func(v ledger.Verdict) bool { return v.Phantoms == 1 }},
		"another key":     {replace(`"key":"`, `"key":"0`), func(v ledger.Verdict) bool { return v.Phantoms == 1 }},
		"another time":    {replace(`"time":`, `"time":9`), func(v ledger.Verdict) bool { return v.Phantoms == 1 }},
		"a gap that is not needed": {func(is func(string, string, int) bool) func(string, string, int, string) []string {
			return func(to, room string, offset int, frame string) []string {
				if is(to, room, offset) {
					return []string{fmt.Sprintf(`{"type":"gap","room":%s,"from":%d,"to":%d,"reason":"trimmed"}`, quote(room), offset, offset)}
				}
				return []string{frame}
			}
		}, func(v ledger.Verdict) bool { return v.Trimmed == 1 && v.Lost == 1 && v.Holes == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.change = c.lie(once())
			o := small
			o.Patience = 5 * time.Second
			v, _, err := play(t, o, 200, nil, f)
			if !c.want(v) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestTellsOfNonsense: what is no message, gap or answer ends the row with an error.
func TestTellsOfNonsense(t *testing.T) {
	for _, nonsense := range []string{`{"type":"surprise","room":"plain"}`, `{"type":"message","room":"elsewhere"}`, `[]`, `{"type":"gap","room":"plain","reason":"whim"}`} {
		f := newFake(t)
		is := once()
		f.change = func(to, room string, offset int, frame string) []string {
			if is(to, room, offset) {
				return []string{nonsense, frame}
			}
			return []string{frame}
		}
		if _, _, err := play(t, small, 100, nil, f); err == nil || !strings.Contains(err.Error(), "steady1: the hub sent what the protocol does not know") {
			t.Errorf("%s: %v", nonsense, err)
		}
	}
}

// TestRetries: what is refused or not answered is sent again with its key, and stored once.
func TestRetries(t *testing.T) {
	f := newFake(t)
	tries := map[string]int{}
	f.refuse = func(client, key string) (string, bool) {
		tries[client+key]++
		if n := tries[client+key]; n == 1 && (key == "3" || key == "7") {
			if key == "3" {
				return `{"type":"error","ref":REF,"code":"unavailable","message":"","retry_after":1}`, false
			}
			return "", client == "p2" // it moves when it is not answered; p1 would wait for longer
		}
		return "", false
	}
	v, _, err := play(t, small, 100, nil, f)
	if err != nil || v.Guilty() || v.Acked != v.Sent {
		t.Errorf("%+v, %v", v, err)
	}
	if tries["p13"] != 2 || tries["p23"] != 2 || tries["p27"] != 2 {
		t.Errorf("%d, %d and %d tries, want 2 each", tries["p13"], tries["p23"], tries["p27"])
	}
}

// TestNeverAnswered: a publish that is refused for ever ends the row, with a word on who waits.
func TestNeverAnswered(t *testing.T) {
	f := newFake(t)
	f.refuse = func(_, key string) (string, bool) { return "", key == "3" }
	o := small
	o.Patience = time.Second
	v, _, err := play(t, o, 100, nil, f)
	if err == nil || !strings.Contains(err.Error(), "waiting until every publish is answered") || !strings.Contains(err.Error(), "1 unanswered [3]") {
		t.Errorf("%v", err)
	}
	if v.Acked != v.Sent-2 {
		t.Errorf("%d of %d were acked, want all but the two", v.Acked, v.Sent)
	}
}

// TestTailNeverComes: a reader that the last messages do not reach ends the row, with a word on where it stands.
func TestTailNeverComes(t *testing.T) {
	f := newFake(t)
	f.change = func(to, room string, offset int, frame string) []string {
		if to == "steady2" && room == Rooms[1] && offset > 10 {
			return nil
		}
		return []string{frame}
	}
	o := small
	o.Patience = 2 * time.Second
	v, _, err := play(t, o, 200, nil, f)
	if err == nil || !strings.Contains(err.Error(), "waiting until every reader stands at the end of the log") || !strings.Contains(err.Error(), `"{curly} räume" e1:10`) {
		t.Errorf("%v", err)
	}
	if v.Lost == 0 || v.Holes != 0 {
		t.Errorf("%+v", v)
	}
}

// TestNewEpoch: everybody follows into another epoch, those who are away meanwhile as well.
func TestNewEpoch(t *testing.T) {
	f := newFake(t)
	var forget sync.Once
	f.change = func(_, _ string, offset int, frame string) []string {
		if offset == 20 {
			forget.Do(func() { go f.forget("e2") })
		}
		return []string{frame}
	}
	v, _, err := play(t, Options{Steady: 1, Moving: 2, Slow: -1, Publishers: 2}, 500, func() {
		for range 200 {
			f.mu.Lock()
			e := f.epoch
			f.mu.Unlock()
			if e == "e2" {
				return
			}
			pause(context.Background(), 10*time.Millisecond)
		}
	}, f)
	if err != nil || v.Guilty() || v.Epochs != 3*len(Rooms) || v.Forgotten == 0 || v.Stored >= v.Sent {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestNobodyThere: without a hub the crew does not start.
func TestNobodyThere(t *testing.T) {
	f := newFake(t)
	f.server.Close()
	o := small
	o.Hubs, o.Patience = []Hub{f}, 100*time.Millisecond
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "waiting until every reader joins") {
		t.Error(err)
	}
}
