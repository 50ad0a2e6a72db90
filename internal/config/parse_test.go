package config_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubbub/internal/config"
)

type grammar struct {
	Serve struct{ config.Config } `cmd:"" default:"withargs"`
	Check struct{ config.Config } `cmd:""`
	Bench struct {
		Listen string `help:"Not a setting."`
	} `cmd:""`
}

// machine has 8 GiB.
var machine = fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 8388608 kB\n")}}

func parse(env []string, args ...string) (*config.Parsed, error) {
	return config.Parse(new(grammar), config.Input{Args: args, Env: env, Help: io.Discard, Root: machine})
}

func TestDefaults(t *testing.T) {
	p, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Command != "serve" || len(p.Warnings) > 0 || len(p.Origins) > 0 {
		t.Errorf("command %q, warnings %q, origins %v", p.Command, p.Warnings, p.Origins)
	}
	if len(p.Config.Instance) != 8 {
		t.Errorf("instance %q, want eight characters", p.Config.Instance)
	}
	p.Config.Instance = ""
	want := config.Config{
		Listen: ":8080", Admin: "127.0.0.1:9090", MaxMessage: 64 * config.KiB, MaxRooms: 128, Ping: 25 * time.Second, WriteTimeout: 30 * time.Second,
		HistoryMessages: 1000, HistoryBytes: 16 * config.MiB, HistoryTotal: 2 * config.GiB, HistoryAge: 24 * time.Hour,
		RedisPrefix: "hubbub", RedisProbeTimeout: 3 * time.Second,
		ShutdownTimeout: 10 * time.Second, LogLevel: "info", LogFormat: "text",
	}
	if diff := cmp.Diff(want, *p.Config); diff != "" {
		t.Error(diff)
	}
}

// TestPrecedence sets every setting in each of the eight combinations of sources.
func TestPrecedence(t *testing.T) {
	// by flag, by environment, by file
	values := map[string][3]string{
		"listen": {":1", ":2", ":3"}, "admin": {":4", ":5", "off"}, "max-message": {"1KiB", "2KiB", "3KiB"}, "max-rooms": {"1", "2", "3"},
		"ping": {"1s", "2s", "3s"}, "write-timeout": {"1s", "2s", "3s"}, "history-messages": {"1", "2", "3"}, "history-bytes": {"1MiB", "2MiB", "3MiB"},
		"history-total": {"1GiB", "2GiB", "3GiB"}, "history-age": {"1h", "2h", "3h"}, "drain-delay": {"1s", "2s", "3s"},
		"redis-url": {"redis://a", "redis://b", "redis://c"}, "redis-prefix": {"a", "b", "c"}, "redis-wait-replicas": {"1", "2", "3"},
		"redis-probe-timeout": {"2s", "3s", "4s"}, "redis-ca": {"a", "b", "c"}, "redis-cert": {"a", "b", "c"}, "redis-key": {"a", "b", "c"},
		"shutdown-timeout": {"1s", "2s", "3s"}, "instance": {"a", "b", "c"}, "log-level": {"debug", "warn", "error"}, "log-format": {"json", "text", "json"},
	}
	for _, s := range config.Settings() {
		if s.Key == "config" {
			continue
		}
		v, ok := values[s.Key]
		if !ok {
			t.Errorf("%s is not tested", s.Key)
		}
		for mask := range 8 {
			var args, env []string
			want, origin := "", ""
			if mask&4 != 0 {
				file := write(t, s.Key+": "+v[2]+"\n")
				args = append(args, "--config", file)
				want, origin = v[2], file+":1: "+s.Key
			}
			if mask&2 != 0 {
				env = append(env, s.Env+"="+v[1])
				want, origin = v[1], s.Env
			}
			if mask&1 != 0 {
				args = append(args, s.Flag, v[0])
				want, origin = v[0], s.Flag
			}
			p, err := parse(env, args...)
			if err != nil {
				t.Errorf("%v %v: %v", args, env, err)
				continue
			}
			if mask == 0 {
				if want = s.Default; s.Key == "history-total" {
					want = "2GiB"
				} else if s.Key == "instance" {
					want = p.Config.Instance
				} else if s.Default == "none" || s.Default == "the system's" {
					want = ""
				}
			}
			if got := p.Config.Value(s.Key); got != want || p.Origins[s.Key] != origin {
				t.Errorf("%v %v: %s = %s from %q, want %s from %q", args, env, s.Key, got, p.Origins[s.Key], want, origin)
			}
		}
	}
}

// TestAlias: REDIS_URL is what many platforms set; our own variable beats it.
func TestAlias(t *testing.T) {
	for _, c := range []struct {
		env        []string
		want, from string
	}{
		{[]string{"REDIS_URL=redis://a"}, "redis://a", "REDIS_URL"},
		{[]string{"REDIS_URL=redis://a", "HUBBUB_REDIS_URL=redis://b"}, "redis://b", "HUBBUB_REDIS_URL"},
		{[]string{"REDIS_URL="}, "", ""},
	} {
		p, err := parse(c.env)
		if err != nil || string(p.Config.RedisURL) != c.want || p.Origins["redis-url"] != c.from {
			t.Errorf("%q: %+v, %v", c.env, p, err)
		}
	}
}

// TestPasswordsAreNotShown: check prints the settings, and people paste them.
func TestPasswordsAreNotShown(t *testing.T) {
	for url, want := range map[string]string{
		"redis://host:6379/0":               "redis://host:6379/0",
		"redis://user:secret@host":          "redis://user:…@host",
		"redis://:secret@host":              "redis://:…@host",
		"rediss://u:p@ss:w@host,b:1/m/0":    "rediss://u:…@host,b:1/m/0",
		"redis+sentinel://user@host/master": "redis+sentinel://user@host/master",
		"secret":                            "secret",
	} {
		if got := config.Show(config.URL(url)); got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
	}
}

func TestConfigFile(t *testing.T) {
	file, other := write(t, "max-rooms: 7\n"), write(t, "max-rooms: 8\n")
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want int
	}{
		{"by flag", nil, []string{"--config", file}, 7},
		{"by flag with =", nil, []string{"serve", "--config=" + file}, 7},
		{"by variable", []string{"HUBBUB_CONFIG=" + file}, nil, 7},
		{"by both", []string{"HUBBUB_CONFIG=" + other}, []string{"--config", file}, 7},
		{"an empty variable is none", []string{"HUBBUB_CONFIG=", "HUBBUB_MAX_ROOMS="}, []string{"--config", file}, 7},
		{"for check", []string{"HUBBUB_CONFIG=" + file}, []string{"check"}, 7},
	} {
		if p, err := parse(c.env, c.args...); err != nil || p.Config.MaxRooms != c.want {
			t.Errorf("%s: %+v, %v", c.name, p.Config, err)
		}
	}
}

func TestProblems(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		name := filepath.Join(dir, fmt.Sprintf("%x.yaml", text))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct {
		name string
		env  string
		args string
		want string // FILE stands for the file's name; lines are joined by |
	}{
		{"unknown flag", "", "--pong 1s", `unknown flag --pong, did you mean "--ping"? (hubbub --help lists commands and settings)`},
		{"unknown command", "", "server", `unexpected argument server (hubbub --help lists commands and settings)`},
		{"no value", "", "--ping", `--ping: the value is missing, write --ping=TIME`},
		{"a flag for a value", "", "--listen --ping 1s", `--listen: the value is missing, write --listen=ADDRESS`},
		{"duration", "", "--ping 25", `--ping: "25" is no length of time, write it like 500ms, 25s or 24h`},
		{"size", "", "--max-message=64K", `--max-message: "64K" is no size, write it like 65536, 64KiB or 16MiB`},
		{"number", "", "--max-rooms=many", `--max-rooms: "many" is no whole number, write it like 100`},
		{"by variable", "HUBBUB_PING=x HUBBUB_MAX_ROOMS=1.5", "", `HUBBUB_MAX_ROOMS: "1.5" is no whole number, write it like 100|HUBBUB_PING: "x" is no length of time, write it like 500ms, 25s or 24h`},
		{"by file", "", "--config=" + file("ping: 25\nmax-rooms: true\n"), `FILE:1: ping: "25" is no length of time, write it like 500ms, 25s or 24h|FILE:2: max-rooms: "true" is no whole number, write it like 100`},
		{"by file, covered by a flag", "", "--ping=1s --config=" + file("ping: 25\n"), `FILE:1: ping: "25" is no length of time, write it like 500ms, 25s or 24h`},
		{"unknown key", "", "--config=" + file("pong: 1s\n"), `FILE:1: "pong" is no setting, did you mean ping?`},
		{"no file", "", "--config=/nowhere.yaml", `/nowhere.yaml: the file of settings cannot be read: no such file or directory`},
		{"a directory", "HUBBUB_CONFIG=/", "", `/: the file of settings cannot be read: is a directory`},
		{"range, by flag", "", "--ping=500ms", `--ping: 500ms is out of range, use 1s to 1h`},
		{"range, by variable", "HUBBUB_MAX_ROOMS=0", "", `HUBBUB_MAX_ROOMS: 0 is out of range, use 1 to 10000`},
		{"range, by file", "", "--config=" + file("\nmax-message: 127\n"), `FILE:2: max-message: 127B is out of range, use 128B to 64MiB`},
		{"too much", "", "--max-message=64MiB --max-rooms=10001", `--max-rooms: 10001 is out of range, use 1 to 10000`},
		{"several", "", "--max-message=65MiB --max-rooms=0", `--max-message: 65MiB is out of range, use 128B to 64MiB|--max-rooms: 0 is out of range, use 1 to 10000`},
		{"negative", "", "--drain-delay=-1s", `--drain-delay: -1s is out of range, use 0s to 10m`},
		{"write-timeout", "", "--write-timeout=0s", `--write-timeout: 0s is out of range, use 100ms to 10m`},
		{"shutdown-timeout", "", "--shutdown-timeout=11m", `--shutdown-timeout: 11m is out of range, use 100ms to 10m`},
		{"history-age", "", "--history-age=0s", `--history-age: 0s is out of range, use 1s to 8760h`},
		{"history-messages", "", "--history-messages=0", `--history-messages: 0 is out of range, use 1 to 1000000`},
		{"history-bytes", "", "--history-bytes=0", `--history-bytes: 0B is out of range, use 1KiB to 1TiB`},
		{"history-total", "", "--history-total=2TiB", `--history-total: 2TiB is out of range, use 1KiB to 1TiB`},
		{"listen", "", "--listen=8080", `--listen: "8080" is no address, write it like :8080 or 127.0.0.1:8080`},
		{"listen, port", "", "--listen=:65536", `--listen: ":65536" is no address, write it like :8080 or 127.0.0.1:8080`},
		{"listen, name", "", "--listen=:http", `--listen: ":http" is no address, write it like :8080 or 127.0.0.1:8080`},
		{"admin", "", "--admin=no", `--admin: "no" is no address, write it like 127.0.0.1:9090, or off`},
		{"admin and listen", "", "--listen=:9090", `--admin: 127.0.0.1:9090 is taken by --listen :9090, choose another port or off`},
		{"instance", "", "--instance=a/b", `--instance: "a/b" is no name, use up to 64 letters, digits, dots, dashes and underscores`},
		{"log-level", "HUBBUB_LOG_LEVEL=loud", "", `HUBBUB_LOG_LEVEL: "loud" is not known, use debug, info, warn or error`},
		{"log-format", "", "--log-format=xml", `--log-format: "xml" is not known, use text or json`},
	} {
		args := strings.Fields(c.args)
		want := c.want
		for _, a := range args {
			if name, ok := strings.CutPrefix(a, "--config="); ok {
				want = strings.ReplaceAll(want, "FILE", name)
			}
		}
		_, err := parse(strings.Fields(c.env), args...)
		if err == nil {
			t.Errorf("%s: no error", c.name)
		} else if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), "\n", "|")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestFine(t *testing.T) {
	for _, args := range []string{
		"--listen=:0 --admin=:0", "--listen=127.0.0.1:9090 --admin=127.0.0.2:9090", "--admin=off", "--listen=[::1]:80",
		"--max-message=128 --max-rooms=10000 --ping=1h", "--history-messages=1 --history-bytes=1KiB --history-total=1KiB",
		"--instance=pod-1.a_B", "--drain-delay=10m",
	} {
		if _, err := parse(nil, strings.Fields(args)...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	p, err := parse([]string{
		"PATH=/bin", "HUBBUB_PING=5s", "HUBBUB_PNG=5s", "HUBBUB_COLOUR=red", "HUBBUB_EMPTY=", "HUBBUBX=1",
		"HUBBUB_PORT=tcp://10.0.0.1:80", "HUBBUB_PORT_80_TCP_ADDR=10.0.0.1", "HUBBUB_SERVICE_HOST=10.0.0.1", "HUBBUB_SERVICE_PORT_HTTP=80", "HUBBUB_REDIS_SERVICE_HOST=10.0.0.2",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"HUBBUB_COLOUR is no setting and is ignored, hubbub --help lists them",
		"HUBBUB_PNG is no setting and is ignored, did you mean HUBBUB_PING?",
		"HUBBUB_PORT, HUBBUB_PORT_80_TCP_ADDR, HUBBUB_REDIS_SERVICE_HOST, HUBBUB_SERVICE_HOST, HUBBUB_SERVICE_PORT_HTTP: no settings, ignored; Kubernetes sets them for a service of that name (enableServiceLinks: false ends that)",
	}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Error(diff)
	}
}

// TestOtherCommands: a flag of the same name is no setting, and what is wrong with the settings is not that command's business.
func TestOtherCommands(t *testing.T) {
	var g grammar
	p, err := config.Parse(&g, config.Input{Args: []string{"bench"}, Env: []string{"HUBBUB_LISTEN=:1", "HUBBUB_PING=x", "HUBBUB_CONFIG=/nowhere"}, Help: io.Discard})
	if err != nil || p.Command != "bench" || p.Config != nil || g.Bench.Listen != "" {
		t.Errorf("%+v, %v; listen %q", p, err, g.Bench.Listen)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	p, err := config.Parse(new(grammar), config.Input{Args: []string{"serve", "--help"}, Env: []string{"HUBBUB_PING=x"}, Help: &out, Root: machine})
	if err != nil || p.Command != "" {
		t.Fatalf("%+v, %v", p, err)
	}
	text := strings.Join(strings.Fields(out.String()), " ") // lines are wrapped
	for _, s := range config.Settings() {
		for _, want := range []string{s.Flag + "=", s.Help, "(default: " + s.Default + "; $" + s.Env + ")"} {
			if !strings.Contains(text, want) {
				t.Errorf("--help does not show %q", want)
			}
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hubbub.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
