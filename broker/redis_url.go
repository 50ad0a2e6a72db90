package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisURL is where Redis is:
//
//	redis://[user:password@]host[:6379][/db]                                      one server
//	redis+sentinel://[user:password@]host[:26379],host,…/name-of-the-master[/db]  one behind Sentinels
//	redis+cluster://[user:password@]host[:6379],host,…                            a cluster; any of its nodes
//
// With rediss in place of redis the connections are TLS. A query may name sentinel_user and sentinel_password.
type redisURL struct {
	kind           string // "", "sentinel" or "cluster"
	tls            bool
	user, password string
	addrs          []string
	master         string
	db             int

	sentinelUser, sentinelPassword string
}

// CheckRedisURL says what is wrong with a URL, or nil. It connects to nothing.
func CheckRedisURL(text string) error {
	_, err := parseRedisURL(text)
	return err
}

func parseRedisURL(text string) (u redisURL, err error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return u, errors.New("it has no scheme: write it like redis://127.0.0.1:6379/0")
	}
	family, kind, _ := strings.Cut(scheme, "+")
	u.kind, u.tls = kind, family == "rediss"
	if family != "redis" && family != "rediss" || kind != "" && kind != "sentinel" && kind != "cluster" {
		return u, fmt.Errorf("the scheme %s is not known: use redis, redis+sentinel or redis+cluster, or rediss for TLS", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if !strings.Contains(authority, "@") && (strings.Contains(path, "@") || strings.Contains(query, "@") && u.kind != "sentinel") {
		// This is behind a password, which no error must show.
		return u, errSecret
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		// Only this part goes through net/url, which takes one host and not a list.
		info, err := url.Parse("redis://" + authority[:at] + "@x")
		if err != nil {
			return u, errSecret
		}
		u.user = info.User.Username()
		u.password, _ = info.User.Password()
		authority = authority[at+1:]
	}
	if u.addrs, err = addresses(authority, u.kind); err != nil {
		return u, err
	}
	if err = u.path(path); err != nil {
		return u, err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return u, errors.New("what stands behind its question mark cannot be read")
	}
	for name := range values {
		switch {
		case u.kind == "sentinel" && name == "sentinel_user":
			u.sentinelUser = values.Get(name)
		case u.kind == "sentinel" && name == "sentinel_password":
			u.sentinelPassword = values.Get(name)
		default:
			return u, fmt.Errorf("its parameter %s is not known", name)
		}
	}
	return u, nil
}

var errSecret = errors.New("its user or password cannot be read: write : / @ ? # % in them as %3A %2F %40 %3F %23 %25")

func addresses(list, kind string) (addrs []string, err error) {
	port := "6379"
	if kind == "sentinel" {
		port = "26379"
	}
	for host := range strings.SplitSeq(list, ",") {
		h, p, err := net.SplitHostPort(host)
		if err != nil {
			h, p = strings.Trim(host, "[]"), port
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 || h == "" || strings.ContainsAny(h, " \t") {
			return nil, fmt.Errorf("%q is no host: write it like 127.0.0.1:%s", host, port)
		}
		addrs = append(addrs, net.JoinHostPort(h, p))
	}
	if kind == "" && len(addrs) > 1 {
		return nil, errors.New("several hosts are a cluster or Sentinels: write redis+cluster:// or redis+sentinel://")
	}
	return addrs, nil
}

// path reads what stands behind the hosts.
func (u *redisURL) path(path string) (err error) {
	db := path
	if u.kind == "sentinel" {
		u.master, db, _ = strings.Cut(path, "/")
		if u.master, err = url.PathUnescape(u.master); err != nil || u.master == "" {
			return errors.New("it does not name the master: write it like redis+sentinel://host:26379/mymaster/0")
		}
	}
	if db == "" {
		return nil
	}
	u.db, err = strconv.Atoi(db)
	switch {
	case err != nil || u.db < 0:
		return fmt.Errorf("%q is no database: write its number, like /0", db)
	case u.kind == "cluster" && u.db != 0:
		return errors.New("a cluster has database 0 only: leave the number out")
	}
	return nil
}

// client makes the client that a URL asks for. Each of the settings has its reason: a command is never sent twice by itself, a
// context's deadline counts, and what goes wrong is said soon, since all who wait have deadlines of their own.
func (u redisURL) client(files RedisTLS) (_ redis.UniversalClient, err error) {
	var secure *tls.Config
	if u.tls {
		if secure, err = files.config(); err != nil {
			return nil, fmt.Errorf("TLS to Redis: %w", err)
		}
		if u.kind == "" {
			secure.ServerName, _, _ = net.SplitHostPort(u.addrs[0])
		}
	}
	const dial = time.Second
	// How many connections there are is bounded by who uses them, see Redis.questions. go-redis takes the size of its pool for the number of
	// failed attempts after which it makes none for a second; when Redis is back, a second is long.
	const pool = 1 << 14
	switch u.kind {
	case "sentinel":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: u.master, SentinelAddrs: u.addrs, SentinelUsername: u.sentinelUser, SentinelPassword: u.sentinelPassword,
			Username: u.user, Password: u.password, DB: u.db, TLSConfig: secure, Protocol: 2, MaxRetries: -1, DialerRetries: 1,
			DialTimeout: dial, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout, ContextTimeoutEnabled: true, PoolSize: pool,
		}), nil
	case "cluster":
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: u.addrs, Username: u.user, Password: u.password, TLSConfig: secure, Protocol: 2, MaxRetries: -1, MaxRedirects: 3,
			DialerRetries: 1, DialTimeout: dial, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout, ContextTimeoutEnabled: true, PoolSize: pool,
		}), nil
	default:
		return redis.NewClient(&redis.Options{
			Addr: u.addrs[0], Username: u.user, Password: u.password, DB: u.db, TLSConfig: secure, Protocol: 2, MaxRetries: -1,
			DialerRetries: 1, DialTimeout: dial, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout, ContextTimeoutEnabled: true, PoolSize: pool,
		}), nil
	}
}
