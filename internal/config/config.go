// Package config is every setting of an instance: its flag, its environment variable, its key in the YAML file, its default,
// its range and its help. A flag beats the environment, the environment beats the file, the file beats the default.
// It is the only package beside main that reads arguments or the environment; it starts nothing.
package config

import "time"

// Config is what an instance runs with, checked and complete. A command that takes these settings embeds it.
//
// A field is a setting: the flag's name is the field's name in dashes, the environment variable and the key follow from it.
// There are no `env:` tags, because kong would apply them before the file, and the file would win. `computed:` says in
// words what the default is where it cannot be written down.
type Config struct {
	Listen          string        `group:"Connections:" default:":8080" placeholder:"ADDRESS" help:"Where browsers and devices connect."`
	MaxMessage      Bytes         `group:"Connections:" default:"64KiB" placeholder:"SIZE" help:"The largest message a client may send, as it is sent, envelope included; a larger one closes the connection with 1009. From 128B to 64MiB."`
	MaxRooms        int           `group:"Connections:" default:"128" placeholder:"N" help:"How many rooms one connection may be in, 1 to 10000."`
	Ping            time.Duration `group:"Connections:" default:"25s" placeholder:"TIME" help:"How often a connection is pinged; a peer that is silent for two of these is given up. Keep it below the idle timeout of proxies on the way. From 1s to 1h."`
	WriteTimeout    time.Duration `group:"Connections:" default:"30s" placeholder:"TIME" help:"How long a write may make no progress before a stalled reader is cut with 4001. From 100ms to 10m."`
	HistoryMessages int           `group:"History:" default:"1000" placeholder:"N" help:"How many messages a room keeps for those who come back or read slowly, 1 to 1000000."`
	HistoryBytes    Bytes         `group:"History:" default:"16MiB" placeholder:"SIZE" help:"How much a room keeps, with all that a message costs beside its payload. From 1KiB to 1TiB; the newest message is always kept."`
	HistoryTotal    Bytes         `group:"History:" computed:"a quarter of the memory limit" placeholder:"SIZE" help:"How much all rooms keep together; beyond it the oldest messages of the least recently used rooms go first. The memory limit is GOMEMLIMIT, else the container's, else the machine's. From 1KiB to 1TiB."`
	HistoryAge      time.Duration `group:"History:" default:"24h" placeholder:"TIME" help:"How long a room keeps a message. From 1s to 8760h."`
	Admin           string        `group:"Operation:" default:"127.0.0.1:9090" placeholder:"ADDRESS" help:"Where /metrics, /debug/pprof and the probes are, for operators only, or off."`
	DrainDelay      time.Duration `group:"Operation:" default:"0s" placeholder:"TIME" help:"On SIGTERM, how long /readyz fails before the listener closes, so that load balancers look elsewhere first. From 0s to 10m."`
	ShutdownTimeout time.Duration `group:"Operation:" default:"10s" placeholder:"TIME" help:"On SIGTERM, how long stopping may take after that delay, clients told in paced batches. From 100ms to 10m."`
	Instance        string        `group:"Operation:" computed:"random" placeholder:"NAME" help:"What this instance calls itself to clients: letters, digits, dots, dashes and underscores, 64 at most."`
	LogLevel        string        `group:"Operation:" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat       string        `group:"Operation:" default:"text" placeholder:"FORMAT" help:"text or json, on standard error."`
	Config          string        `group:"Operation:" computed:"none" placeholder:"FILE" help:"A YAML file of settings, one a line, named like the flags without their dashes: ping: 30s."`
}

// AdminOff is the value of Admin that says that no admin listener is wanted.
const AdminOff = "off"

// settings makes every command that embeds a Config a holder of settings.
func (c *Config) settings() *Config { return c }

type holder interface{ settings() *Config }
