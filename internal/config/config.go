// Package config is every setting of an instance: its flag, its environment variable, its key in the YAML file, its default,
// its range and its help. A flag beats the environment, the environment beats the file, the file beats the default.
// It is the only package beside main that reads arguments or the environment; it starts nothing.
package config

import (
	"strings"
	"time"
)

// Config is what an instance runs with, checked and complete. A command that takes these settings embeds it.
//
// A field is a setting: the flag's name is the field's name in dashes, the environment variable and the key follow from it.
// There are no `env:` tags, because kong would apply them before the file, and the file would win. `computed:` says in
// words what the default is where it cannot be written down.
type Config struct {
	Listen            string        `group:"Connections:" default:":8080" placeholder:"ADDRESS" help:"Where browsers and devices connect."`
	MaxMessage        Bytes         `group:"Connections:" default:"64KiB" placeholder:"SIZE" help:"The largest message a client may send, as it is sent, envelope included; a larger one closes the connection with 1009. From 128B to 64MiB."`
	MaxRooms          int           `group:"Connections:" default:"128" placeholder:"N" help:"How many rooms one connection may be in, 1 to 10000."`
	Ping              time.Duration `group:"Connections:" default:"25s" placeholder:"TIME" help:"How often a connection is pinged; a peer that is silent for two of these is given up. Keep it below the idle timeout of proxies on the way. From 1s to 1h."`
	WriteTimeout      time.Duration `group:"Connections:" default:"30s" placeholder:"TIME" help:"How long a write may make no progress before a stalled reader is cut with 4001. From 100ms to 10m."`
	HistoryMessages   int           `group:"History:" default:"1000" placeholder:"N" help:"How many messages a room keeps for those who come back or read slowly, 1 to 1000000."`
	HistoryBytes      Bytes         `group:"History:" default:"16MiB" placeholder:"SIZE" help:"How much a room keeps, with all that a message costs beside its payload. From 1KiB to 1TiB; the newest message is always kept."`
	HistoryTotal      Bytes         `group:"History:" computed:"a quarter of the memory limit" placeholder:"SIZE" help:"How much all rooms keep together; beyond it the oldest messages of the least recently used rooms go first. The memory limit is GOMEMLIMIT, else the container's, else the machine's. From 1KiB to 1TiB."`
	HistoryAge        time.Duration `group:"History:" default:"24h" placeholder:"TIME" help:"How long a room keeps a message. From 1s to 8760h."`
	RedisURL          URL           `group:"Several instances:" computed:"none" alias:"REDIS_URL" placeholder:"URL" help:"Where Redis is, which makes any number of instances one hub: redis://HOST:6379/0, redis+sentinel://HOST:26379,HOST/MASTER/0 or redis+cluster://HOST:6379,HOST, each with USER:PASSWORD@ if need be, and rediss in place of redis for TLS. Without it this instance is the hub. REDIS_URL is read, too."`
	RedisCA           string        `group:"Several instances:" computed:"the system's" placeholder:"FILE" help:"With TLS: a PEM file of the authorities that vouch for Redis, in place of the system's."`
	RedisCert         string        `group:"Several instances:" computed:"none" placeholder:"FILE" help:"With TLS: a PEM file with the certificate that is shown to Redis, which by its default asks for one."`
	RedisKey          string        `group:"Several instances:" computed:"none" placeholder:"FILE" help:"With TLS: a PEM file with that certificate's key."`
	RedisPrefix       string        `group:"Several instances:" default:"hubbub" placeholder:"NAME" help:"What the names of all keys and channels in Redis begin with; instances with the same one are one hub. Letters, digits, dots, colons, dashes and underscores, 64 at most."`
	RedisWaitReplicas int           `group:"Several instances:" default:"0" placeholder:"N" help:"Answer a publish only when that many replicas of Redis have it as well, 0 to 10: what was answered then survives a failover to one of them."`
	RedisProbeTimeout time.Duration `group:"Several instances:" default:"3s" placeholder:"TIME" help:"How old the last probe that went through Redis and came back may be before /readyz fails; there is one a second. From 1500ms to 5m."`
	Admin             string        `group:"Operation:" default:"127.0.0.1:9090" placeholder:"ADDRESS" help:"Where /metrics, /debug/pprof and the probes are, for operators only, or off."`
	DrainDelay        time.Duration `group:"Operation:" default:"0s" placeholder:"TIME" help:"On SIGTERM, how long /readyz fails before the listener closes, so that load balancers look elsewhere first. From 0s to 10m."`
	ShutdownTimeout   time.Duration `group:"Operation:" default:"10s" placeholder:"TIME" help:"On SIGTERM, how long stopping may take after that delay, clients told in paced batches. From 100ms to 10m."`
	Instance          string        `group:"Operation:" computed:"random" placeholder:"NAME" help:"What this instance calls itself to clients: letters, digits, dots, dashes and underscores, 64 at most."`
	LogLevel          string        `group:"Operation:" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat         string        `group:"Operation:" default:"text" placeholder:"FORMAT" help:"text or json, on standard error."`
	Config            string        `group:"Operation:" computed:"none" placeholder:"FILE" help:"A YAML file of settings, one a line, named like the flags without their dashes: ping: 30s."`
}

// AdminOff is the value of Admin that says that no admin listener is wanted.
const AdminOff = "off"

// URL is an address that may hold a password, which is not shown.
type URL string

// String leaves the password out.
func (u URL) String() string {
	scheme, rest, ok := strings.Cut(string(u), "://")
	at := strings.LastIndexByte(rest, '@')
	if user, _, secret := strings.Cut(rest[:max(at, 0)], ":"); ok && secret {
		return scheme + "://" + user + ":…" + rest[at:]
	}
	return string(u)
}

// settings makes every command that embeds a Config a holder of settings.
func (c *Config) settings() *Config { return c }

type holder interface{ settings() *Config }
