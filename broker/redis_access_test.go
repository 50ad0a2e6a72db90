package broker_test

import (
	"io"
	stdlog "log"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"hubbub/broker"
	"hubbub/internal/testkit"
)

// unready awaits the reason why a broker cannot work.
func (h *hub) unready(why string) {
	h.t.Helper()
	var err error
	eventually(h.t, "it is not ready: "+why, func() bool {
		err = h.Ready()
		return err != nil && strings.Contains(err.Error(), why)
	})
	if strings.ContainsAny(err.Error(), "\r\n") {
		h.t.Errorf("the reason is more than a line: %v", err)
	}
}

func TestRedisPassword(t *testing.T) {
	t.Parallel()
	const password = `p@ss:/?#[]%+ 'ä`
	server := testkit.Redis(t, "--requirepass", password)
	for name, user := range map[string]*url.Userinfo{"default": url.UserPassword("default", password), "nobody": url.UserPassword("", password)} {
		h := startHub(t, broker.RedisOptions{URL: "redis://" + user.String() + "@" + server.Addr()})
		h.watch("lobby")
		h.reaches("lobby", h.put("lobby", name))
	}
	startHub(t, broker.RedisOptions{URL: server.URL()}).unready("NOAUTH")
	wrong := startHub(t, broker.RedisOptions{URL: "redis://:s3cret@" + server.Addr()})
	wrong.unready("WRONGPASS")
	if err := wrong.Ready(); strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// A certificate that nobody vouches for is refused, and so is a server that does not speak TLS.
func TestRedisTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	startHub(t, broker.RedisOptions{URL: "rediss://" + server.Listener.Addr().String()}).unready("certificate signed by unknown authority")
	startHub(t, broker.RedisOptions{URL: "rediss://" + testkit.Redis(t).Addr()}).unready("deadline exceeded")
	startHub(t, broker.RedisOptions{URL: "redis://" + nobody(t)}).unready("refused")
}
