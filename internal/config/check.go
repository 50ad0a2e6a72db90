package config

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var redisPrefix = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

var instanceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checker collects what is out of range.
type checker struct {
	origins  map[string]string
	problems Problems
}

func (c *checker) fail(key, format string, args ...any) {
	where := cmp.Or(c.origins[key], "--"+key)
	c.problems = append(c.problems, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

// check looks at every range, also at those between two settings.
func check(c *Config, origins map[string]string) Problems {
	k := &checker{origins: origins}
	k.address("listen", c.Listen, "write it like :8080 or 127.0.0.1:8080")
	if c.Admin != AdminOff {
		k.address("admin", c.Admin, "write it like 127.0.0.1:9090, or off")
		if sameAddress(c.Listen, c.Admin) {
			k.fail("admin", "%s is taken by --listen %s, choose another port or off", c.Admin, c.Listen)
		}
	}
	within(k, "max-message", c.MaxMessage, 128, 64*MiB)
	within(k, "max-rooms", c.MaxRooms, 1, 10_000)
	within(k, "ping", c.Ping, time.Second, time.Hour)
	within(k, "write-timeout", c.WriteTimeout, 100*time.Millisecond, 10*time.Minute)
	within(k, "history-messages", c.HistoryMessages, 1, 1_000_000)
	within(k, "history-age", c.HistoryAge, time.Second, 8760*time.Hour)
	within(k, "drain-delay", c.DrainDelay, 0, 10*time.Minute)
	within(k, "shutdown-timeout", c.ShutdownTimeout, 100*time.Millisecond, 10*time.Minute)
	within(k, "history-bytes", c.HistoryBytes, KiB, TiB)
	within(k, "history-total", c.HistoryTotal, KiB, TiB)
	within(k, "redis-wait-replicas", c.RedisWaitReplicas, 0, 10)
	within(k, "redis-probe-timeout", c.RedisProbeTimeout, 1500*time.Millisecond, 5*time.Minute)
	if !redisPrefix.MatchString(c.RedisPrefix) {
		k.fail("redis-prefix", "%q is no prefix, use up to 64 letters, digits, dots, colons, dashes and underscores", c.RedisPrefix)
	}
	if !instanceName.MatchString(c.Instance) {
		k.fail("instance", "%q is no name, use up to 64 letters, digits, dots, dashes and underscores", c.Instance)
	}
	k.oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	k.oneOf("log-format", c.LogFormat, "text", "json")
	return k.problems
}

func within[T cmp.Ordered](k *checker, key string, value, least, most T) {
	if value < least || value > most {
		k.fail(key, "%s is out of range, use %s to %s", Show(value), Show(least), Show(most))
	}
}

func (c *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		last := len(allowed) - 1
		c.fail(key, "%q is not known, use %s or %s", value, strings.Join(allowed[:last], ", "), allowed[last])
	}
}

func (c *checker) address(key, value, hint string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		c.fail(key, "%q is no address, %s", value, hint)
	}
}

// sameAddress says whether both cannot be listened on. Port 0 is always another port.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || Everywhere(hostA) || Everywhere(hostB)
}

// Everywhere says whether host means every address of the machine.
func Everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Show writes a setting's value as one would type it: 24h, not 24h0m0s.
func Show(value any) string {
	text := fmt.Sprint(value)
	if d, ok := value.(time.Duration); ok {
		if d%time.Minute == 0 && d != 0 {
			text = strings.TrimSuffix(text, "0s")
		}
		if d%time.Hour == 0 && d != 0 {
			text = strings.TrimSuffix(text, "0m")
		}
	}
	return text
}
