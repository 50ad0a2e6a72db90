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

	ours, others := testkit.NewCertificates(t), testkit.NewCertificates(t)
	url := "rediss://" + testkit.RedisTLS(t, ours).Addr()
	whole := broker.RedisTLS{CA: ours.CA, Cert: ours.Cert, Key: ours.Key}
	h := startHub(t, broker.RedisOptions{URL: url, TLS: whole})
	h.watch("lobby")
	h.reaches("lobby", h.put("lobby", "in private"))
	startHub(t, broker.RedisOptions{URL: url, TLS: broker.RedisTLS{CA: ours.CA}}).unready("certificate required")
	startHub(t, broker.RedisOptions{URL: url, TLS: broker.RedisTLS{CA: others.CA, Cert: ours.Cert, Key: ours.Key}}).unready("certificate signed by unknown authority")
	startHub(t, broker.RedisOptions{URL: url, TLS: broker.RedisTLS{CA: ours.CA, Cert: others.Cert, Key: others.Key}}).unready("unknown certificate authority")
}

func TestRedisTLSFiles(t *testing.T) {
	c := testkit.NewCertificates(t)
	for _, row := range []struct {
		url   string
		files broker.RedisTLS
		want  string // "": nothing is wrong
	}{
		{"redis://h", broker.RedisTLS{}, ""},
		{"rediss://h", broker.RedisTLS{}, ""},
		{"rediss+cluster://h", broker.RedisTLS{CA: c.CA}, ""},
		{"rediss://h", broker.RedisTLS{Cert: c.Cert, Key: c.Key}, ""},
		{"redis://h", broker.RedisTLS{CA: c.CA}, "write rediss in place of redis"},
		{"rediss://h", broker.RedisTLS{CA: c.CA + "x"}, "no such file"},
		{"rediss://h", broker.RedisTLS{CA: c.Key}, "no certificate in it"},
		{"rediss://h", broker.RedisTLS{Cert: c.Cert}, "name both files"},
		{"rediss://h", broker.RedisTLS{Key: c.Key}, "name both files"},
		{"rediss://h", broker.RedisTLS{Cert: c.CA, Key: c.Key}, "does not match"},
		{"rediss://h", broker.RedisTLS{Cert: c.Key, Key: c.Key}, "failed to find"},
	} {
		err := broker.CheckRedisTLS(row.url, row.files)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s, %+v: %v, want %q", row.url, row.files, err, row.want)
		}
	}
}
