package broker

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedisURL(t *testing.T) {
	for text, want := range map[string]redisURL{
		"redis://h":                             {addrs: []string{"h:6379"}},
		"redis://h:1/":                          {addrs: []string{"h:1"}},
		"redis://h:1/2":                         {addrs: []string{"h:1"}, db: 2},
		"redis://[::1]":                         {addrs: []string{"[::1]:6379"}},
		"redis://[::1]:1":                       {addrs: []string{"[::1]:1"}},
		"rediss://h":                            {addrs: []string{"h:6379"}, tls: true},
		"redis://u:p@h":                         {addrs: []string{"h:6379"}, user: "u", password: "p"},
		"redis://:p@h":                          {addrs: []string{"h:6379"}, password: "p"},
		"redis://u@h":                           {addrs: []string{"h:6379"}, user: "u"},
		"redis://u:a%3Ab%2Fc%40d%3Fe%23f%25g@h": {addrs: []string{"h:6379"}, user: "u", password: "a:b/c@d?e#f%g"},
		"redis://u:a@b:c@h":                     {addrs: []string{"h:6379"}, user: "u", password: "a@b:c"},
		"redis+cluster://h,i:1,[::1]:2":         {kind: "cluster", addrs: []string{"h:6379", "i:1", "[::1]:2"}},
		"rediss+cluster://u:p@h/0":              {kind: "cluster", tls: true, addrs: []string{"h:6379"}, user: "u", password: "p"},
		"redis+sentinel://h,i:1/m":              {kind: "sentinel", addrs: []string{"h:26379", "i:1"}, master: "m"},
		"redis+sentinel://h/a%2Fb/3?sentinel_user=x&sentinel_password=y%26z@": {
			kind: "sentinel", addrs: []string{"h:26379"}, master: "a/b", db: 3, sentinelUser: "x", sentinelPassword: "y&z@",
		},
	} {
		got, err := parseRedisURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got, cmp.AllowUnexported(redisURL{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		client, err := got.client(RedisTLS{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		client.Close()
	}
	for _, password := range []string{"p", "ä ö\x00\n", "%", "a+b", "100%25", `"'\`, "@@", "://?#[]"} {
		u, err := parseRedisURL("redis://" + url.UserPassword("user", password).String() + "@h")
		if err != nil || u.password != password {
			t.Errorf("%q becomes %q, %v", password, u.password, err)
		}
	}
}

func TestRedisURLErrors(t *testing.T) {
	const secret = "s3cret"
	for text, says := range map[string]string{
		"":                                       "scheme",
		"localhost:6379":                         "scheme",
		"http://h":                               "scheme http",
		"redis+x://h":                            "scheme redis+x",
		"redis://":                               "no host",
		"redis:///1":                             "no host",
		"redis://h:x":                            "no host",
		"redis://h:0":                            "no host",
		"redis://h:65536":                        "no host",
		"redis://:6379":                          "no host",
		"redis://h h":                            "no host",
		"redis://h,i":                            "redis+cluster",
		"redis+cluster://h,":                     "no host",
		"redis://h/x":                            "no database",
		"redis://h/-1":                           "no database",
		"redis://h/0/1":                          "no database",
		"redis+cluster://h/1":                    "database 0 only",
		"redis+sentinel://h":                     "name the master",
		"redis+sentinel://h/":                    "name the master",
		"redis+sentinel://h/m/x":                 "no database",
		"redis://h?x=1":                          "parameter x",
		"redis://h?sentinel_user=1":              "parameter sentinel_user",
		"redis://h?%zz":                          "question mark",
		"redis://u:" + secret + "/x@h":           "user or password",
		"redis://u:" + secret + "?x@h":           "user or password",
		"redis://u:" + secret + "#x@h":           "user or password",
		"redis://u:" + secret + "%x@h":           "user or password",
		"redis+cluster://u:" + secret + "/x@h,i": "user or password",
	} {
		err := CheckRedisURL(text)
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := NewRedis(RedisOptions{URL: text}); err == nil {
			t.Errorf("%s: there is a broker", text)
		}
	}
}
