package load

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// echoServer answers each message with what answer makes of it.
func echoServer(t *testing.T, answer func(n int, s string) string) string {
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
	return s.URL
}

func TestEcho(t *testing.T) {
	p := Plan{Mode: Echo, Rooms: 5, WarmUp: 10 * time.Millisecond, Duration: 500 * time.Millisecond, Grace: 5 * time.Second}
	good := func(_ int, s string) string { return "Echo: " + s }
	if r := measure(t, p.at(echoServer(t, good))); !r.Mail.Clean() || r.Mail.Sent <= 5 || r.PerSecond <= 0 {
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
			p := p
			p.Rooms, p.Grace = 1, 50*time.Millisecond // what is wrong stops the loop
			if r := measure(t, p.at(echoServer(t, bad))); r.Mail.Clean() {
				t.Errorf("nothing found: %s", r.Mail)
			}
		})
	}
}
