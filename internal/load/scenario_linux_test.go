package load

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// short is a run of 60 messages in 2 rooms of 5, of which 20 are warm-up.
var short = FanoutOptions{Rooms: 2, Members: 5, Publishers: 2, Rate: 100, WarmUp: 100 * time.Millisecond, Duration: 200 * time.Millisecond, Grace: 2 * time.Second}

func TestFanout(t *testing.T) {
	for name, dialect := range map[string]Dialect{"json": JSON, "pipe": Pipe} {
		t.Run(name, func(t *testing.T) {
			o := short
			o.Dialect = dialect
			r, err := Fanout(t.Context(), startTestHub(t, &testHub{}), o)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Mail.Clean() || r.Mail.Sent != 60 || r.Mail.Delivered != 300 {
				t.Errorf("%s", r.Mail)
			}
			if r.Latency.P50 <= 0 || r.Latency.P99 < r.Latency.P50 || r.Latency.Max < r.Latency.P99 {
				t.Errorf("latencies %+v", r.Latency)
			}
			// What the warm-up left unread may be counted with the rest.
			if n := r.Cost.Messages; n < 200 || n > 300 {
				t.Errorf("cost of %d messages", n)
			}
		})
	}
}

// TestFanoutFaults breaks the hub on purpose: what does not make a checker complain is not checked.
func TestFanoutFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault fault
		n     int // which message of its room meets it
		want  Tally
	}{
		"lost":          {lose, 7, Tally{Delivered: 299, Lost: 1}},
		"the last lost": {lose, 29, Tally{Delivered: 299, Lost: 1}},
		"doubled":       {double, 7, Tally{Delivered: 301, Duplicated: 1}},
		"misrouted":     {misroute, 7, Tally{Delivered: 300, Lost: 1, Strays: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := &testHub{fault: func(room string, member, n int) fault {
				if room == "load-room-1" && member == 3 && n == test.n {
					return test.fault
				}
				return deliver
			}}
			r, err := Fanout(t.Context(), startTestHub(t, hub), short)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Sent, test.want.Expected = 60, 300
			if r.Mail.Clean() || r.Mail.String() != test.want.String() {
				t.Errorf("got  %s\nwant %s", r.Mail, test.want)
			}
		})
	}
	t.Run("swapped", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(_ string, member, n int) fault {
			if member == 3 && n == 7 {
				return swap
			}
			return deliver
		}}
		o := short
		o.Publishers = 1 // the order is checked by publisher, and neighbours shall have the same
		r, err := Fanout(t.Context(), startTestHub(t, hub), o)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Tally{Sent: 60, Expected: 300, Delivered: 300, Reordered: 1}); r.Mail.String() != want.String() {
			t.Errorf("got  %s\nwant %s", r.Mail, want)
		}
	})
	t.Run("hung up", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(room string, member, n int) fault {
			if room == "load-room-1" && member == 5 && n == 29 {
				return hang
			}
			return deliver
		}}
		r, err := Fanout(t.Context(), startTestHub(t, hub), short)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Tally{Sent: 60, Expected: 300, Delivered: 299, Lost: 1, Closes: map[int]int{1006: 1}}); r.Mail.String() != want.String() {
			t.Errorf("got  %s\nwant %s", r.Mail, want)
		}
	})
}

func TestFanoutRefused(t *testing.T) {
	hub := startTestHub(t, &testHub{})
	o := short
	o.Rooms = 10
	r, err := Fanout(t.Context(), hub, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Mail.Errors["forbidden: not there"] != 30 || r.Mail.Lost != 150 {
		t.Errorf("%s", r.Mail)
	}
	for name, bad := range map[string]struct {
		target Target
		want   string
	}{
		"no address":    {Target{URL: "localhost:80"}, "want ws://HOST:PORT"},
		"TLS":           {Target{URL: "wss://127.0.0.1:80"}, "TLS is not spoken"},
		"nobody there":  {Target{URL: "ws://127.0.0.1:1"}, "connection refused"},
		"no such path":  {Target{URL: hub.URL + "/%zz"}, "invalid URL escape"},
		"not WebSocket": {Target{URL: plainServer(t)}, "refused the upgrade: HTTP/1.1 200 OK: hello"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Fanout(t.Context(), bad.target, o); err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("error %v, want one with %q", err, bad.want)
			}
		})
	}
}

func plainServer(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	t.Cleanup(s.Close)
	return s.URL
}

func TestIdle(t *testing.T) {
	r, err := Idle(t.Context(), startTestHub(t, &testHub{}), IdleOptions{Sockets: 60, Rooms: 6, Messages: 3, Rest: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Mail.Clean() || r.Mail.Sent != 180 || r.Mail.Delivered != 1800 || r.Connects <= 0 || r.Before <= 0 {
		t.Errorf("%s: %+v", r.Mail, r)
	}
}

// TestStall stops a member long enough, at that rate, for the kernel's buffers to be full several times over.
func TestStall(t *testing.T) {
	o := StallOptions{
		Members: 4, Publishers: 2, Size: 1024, Rate: 200, Receive: 2048, WarmUp: 50 * time.Millisecond,
		Stop: time.Second, Duration: 1100 * time.Millisecond,
	}
	t.Run("all is kept", func(t *testing.T) {
		t.Parallel()
		r, err := Stall(t.Context(), startTestHub(t, &testHub{}), o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; !r.Mail.Clean() || s.Received != s.Sent || s.Sent != 230 || s.Gaps+s.Silent+s.Repeated+s.Wrong != 0 || s.CaughtUp <= 0 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("a part is kept", func(t *testing.T) {
		t.Parallel()
		r, err := Stall(t.Context(), startTestHub(t, &testHub{keep: 100}), o)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Stalled
		if !r.Mail.Clean() || s.Gaps != 1 || s.Received+s.Gone != s.Sent || s.Silent+s.Repeated+s.Wrong != 0 || s.Kept < 100 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("a part is lost in silence", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(_ string, member, n int) fault {
			if member == 4 && n >= 100 && n < 110 {
				return lose
			}
			return deliver
		}}
		r, err := Stall(t.Context(), startTestHub(t, hub), o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; s.Silent != 10 || s.Received != s.Sent-10 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("never reads again", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Duration = 200 * time.Millisecond
		r, err := Stall(t.Context(), startTestHub(t, &testHub{keep: 100}), o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; !r.Mail.Clean() || s.Received >= s.Sent {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
}

// echoServer answers each message with what answer makes of it.
func echoServer(t *testing.T, answer func(n int, s string) string) Target {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for n := 0; ; n++ {
			_, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), websocket.MessageText, []byte(answer(n, string(b)))) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return Target{URL: s.URL}
}

func TestEcho(t *testing.T) {
	o := EchoOptions{Sockets: 5, WarmUp: 10 * time.Millisecond, Duration: 50 * time.Millisecond}
	r, err := Echo(t.Context(), echoServer(t, func(_ int, s string) string { return "Echo: " + s }), o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Mail.Clean() || r.Mail.Sent == 0 || r.PerSecond <= 0 || r.Latency.P99 <= 0 {
		t.Errorf("%s: %+v", r.Mail, r)
	}
	for name, bad := range map[string]func(n int, s string) string{
		"without the prefix": func(_ int, s string) string { return s },
		"cut short":          func(_ int, s string) string { return "Echo: " + s[:len(s)-1] },
		"an earlier one": func() func(int, string) string {
			first := ""
			return func(n int, s string) string {
				if n == 0 {
					first = s
				}
				return "Echo: " + first
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Sockets = 1
			r, err := Echo(t.Context(), echoServer(t, bad), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Mail.Clean() {
				t.Errorf("nothing found: %s", r.Mail)
			}
		})
	}
}
