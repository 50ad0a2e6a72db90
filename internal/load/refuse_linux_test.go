package load

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubbub/internal/load/dialect"
)

func TestRefused(t *testing.T) {
	hub := startTestHub(t, &testHub{})
	p := short.at(hub)
	p.Rooms = 10
	if r := measure(t, p); r.Mail.Errors["forbidden: not there"] != 30 || r.Mail.Lost != 150 {
		t.Errorf("%s", r.Mail)
	}
	for name, bad := range map[string]struct{ url, want string }{
		"no address":    {"localhost:80", "want ws://HOST:PORT"},
		"TLS":           {"wss://127.0.0.1:80", "TLS is not spoken"},
		"nobody there":  {"ws://127.0.0.1:1", "connection refused"},
		"no such path":  {hub + "/%zz", "want ws://HOST:PORT"},
		"not WebSocket": {plainServer(t), "refused the upgrade: HTTP/1.1 200 OK: hello"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(t.Context(), p.at(bad.url), nil)
			if err == nil || !strings.Contains(err.Error(), bad.want) || !errors.As(err, new(Misuse)) {
				t.Errorf("error %v, want a misuse with %q", err, bad.want)
			}
		})
	}
	for name, bad := range map[string]struct {
		change func(p *Plan)
		want   string
	}{
		"too many":          {func(p *Plan) { p.Rooms = 1e6 }, "ulimit -n 5000050"},
		"too many to count": {func(p *Plan) { p.Rooms = 1e8 }, "numbered for"},
		"no room":           {func(p *Plan) { p.Rooms = -1 }, "at least one"},
		"all publish":       {func(p *Plan) { p.Publishers = 6 }, "6 of a room's 5 members"},
		"short":             {func(p *Plan) { p.Size = 8 }, "at least 32"},
		"negative":          {func(p *Plan) { p.Rate = -1 }, "below 0"},
		"storm":             {func(p *Plan) { p.Mode, p.Dialect = Storm, dialect.Pipe }, "nothing in pipe says how to resume"},
		"echo in rooms":     {func(p *Plan) { p.Dialect = dialect.PlainEcho }, "plain-echo has no rooms"},
		"broadcast":         {func(p *Plan) { p.Dialect = dialect.Broadcast }, "broadcast has one room, not 2"},
	} {
		t.Run(name, func(t *testing.T) {
			p := short.at(hub)
			bad.change(&p)
			_, err := Run(t.Context(), p, nil)
			if err == nil || !strings.Contains(err.Error(), bad.want) || !errors.As(err, new(Misuse)) {
				t.Errorf("error %v, want a misuse with %q", err, bad.want)
			}
		})
	}
}

func plainServer(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	t.Cleanup(s.Close)
	return s.URL
}
