package main

import (
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"hubbub/internal/config"
)

// composed is as much of compose.yaml as this one has. A key that is not here is a typing error, or has to be added.
type composed struct {
	Hub      composedService            `yaml:"x-hub"`
	Services map[string]composedService `yaml:"services"`
	Volumes  map[string]any             `yaml:"volumes"`
}

type composedService struct {
	Image       string            `yaml:"image"`
	Build       string            `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	DependsOn   any               `yaml:"depends_on"`
	Health      struct {
		Test        []string      `yaml:"test"`
		Interval    time.Duration `yaml:"interval"`
		Timeout     time.Duration `yaml:"timeout"`
		Retries     int           `yaml:"retries"`
		StartPeriod time.Duration `yaml:"start_period"`
	} `yaml:"healthcheck"`
	Grace   time.Duration `yaml:"stop_grace_period"`
	Restart string        `yaml:"restart"`
}

func compose(t *testing.T) composed {
	t.Helper()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composed
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	return c
}

// instances are the services that are built from here.
func (c composed) instances() (names []string) {
	for name, s := range c.Services {
		if s.Build != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestComposeServices(t *testing.T) {
	c := compose(t)
	if n := len(c.instances()); n < 2 {
		t.Errorf("%d instances, want two", n)
	}
	published := 0
	for name, s := range c.Services {
		published += len(s.Ports)
		if (s.Image == "") == (s.Build == "") {
			t.Errorf("%s: want an image, or a place to build one from", name)
		}
		if s.Build == "" && (len(s.Health.Test) < 2 || s.Health.Test[0] != "CMD" || s.Health.Interval == 0 || s.Health.Timeout == 0 || s.Health.Retries == 0) {
			t.Errorf("%s: a health check needs CMD, interval, timeout and retries: %+v", name, s.Health)
		}
		if s.Grace == 0 || s.Restart == "" {
			t.Errorf("%s: stop_grace_period or restart is missing", name)
		}
		for _, other := range dependencies(t, s) {
			if _, known := c.Services[other]; !known {
				t.Errorf("%s depends on %s, which there is not", name, other)
			}
		}
	}
	if published != 1 {
		t.Errorf("%d ports are published, want the front's alone", published)
	}
}

// dependencies understands both forms: a list, and a map with conditions.
func dependencies(t *testing.T, s composedService) (names []string) {
	t.Helper()
	switch d := s.DependsOn.(type) {
	case nil:
	case []any:
		for _, name := range d {
			names = append(names, name.(string))
		}
	case map[string]any:
		for name := range d {
			names = append(names, name)
		}
	default:
		t.Fatalf("depends_on: %v", d)
	}
	return names
}

func TestComposeMounts(t *testing.T) {
	c := compose(t)
	mounted := map[string]bool{} // inside, by service
	for name, s := range c.Services {
		if s.Build != "" {
			if info, err := os.Stat(s.Build); err != nil || !info.IsDir() {
				t.Errorf("%s: build %s: %v", name, s.Build, err)
			}
		}
		for _, v := range s.Volumes {
			from, to, _ := strings.Cut(v, ":")
			to, mode, _ := strings.Cut(to, ":")
			mounted[name+" "+to] = true
			if !strings.HasPrefix(from, ".") {
				if _, known := c.Volumes[from]; !known {
					t.Errorf("%s: the volume %s is not declared", name, from)
				}
				continue
			}
			// An engine makes a directory of what there is not, and the service fails with a message about something else.
			if info, err := os.Stat(from); err != nil || !info.Mode().IsRegular() || mode != "ro" {
				t.Errorf("%s: %s: want a file, read-only: %v", name, v, err)
			}
		}
	}
	if file := c.Services["redis"].Command; len(file) != 2 || !mounted["redis "+file[1]] {
		t.Errorf("redis is started with %q, which is not mounted", file)
	}
	if !mounted["redis /data"] {
		t.Error("the data of redis is not kept: /data is no volume")
	}
	if !mounted["front /etc/caddy/Caddyfile"] {
		t.Error("the front has no Caddyfile")
	}
}

// TestComposeInstances starts nothing, but reads the instances' settings as the program would.
func TestComposeInstances(t *testing.T) {
	c := compose(t)
	for _, name := range c.instances() {
		s := c.Services[name]
		var env []string
		for k, v := range s.Environment {
			env = append(env, k+"="+v)
		}
		p, err := config.Parse(new(commands), config.Input{Env: env, Help: io.Discard})
		if err != nil || len(p.Warnings) > 0 {
			t.Errorf("%s: %v %v", name, err, p.Warnings)
			continue
		}
		if stop := p.Config.DrainDelay + p.Config.ShutdownTimeout; s.Grace <= stop {
			t.Errorf("%s is killed after %s, and takes up to %s to stop", name, s.Grace, stop)
		}
		host := strings.TrimPrefix(strings.TrimSuffix(s.Environment["HUBBUB_REDIS_URL"], ":6379/0"), "redis://")
		if _, known := c.Services[host]; !known {
			t.Errorf("%s: %s is not in the composition", name, s.Environment["HUBBUB_REDIS_URL"])
		}
	}
}

// TestComposeFront: what the Caddyfile leads to are the instances, on the port they listen on.
func TestComposeFront(t *testing.T) {
	c := compose(t)
	text, err := os.ReadFile("deploy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	// Without comments, and without what stands in for a port.
	code := regexp.MustCompile(`(?m)#.*$`).ReplaceAllString(string(text), "")
	if open, shut := strings.Count(code, "{"), strings.Count(code, "}"); open != shut {
		t.Errorf("%d braces open and %d close", open, shut)
	}
	targets := regexp.MustCompile(`reverse_proxy ([^{\n]*)`).FindStringSubmatch(code)
	if targets == nil {
		t.Fatal("no reverse_proxy")
	}
	p, err := config.Parse(new(commands), config.Input{Help: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(p.Config.Listen)
	var want []string
	for _, name := range c.instances() {
		want = append(want, net.JoinHostPort(name, port))
	}
	if got := strings.Fields(targets[1]); !slices.Equal(got, want) {
		t.Errorf("it leads to %q, want %q", got, want)
	}
	listens := regexp.MustCompile(`(?m)^:(\d+) \{`).FindStringSubmatch(code)
	if listens == nil || len(c.Services["front"].Ports) != 1 || !strings.HasSuffix(c.Services["front"].Ports[0], ":"+listens[1]) {
		t.Errorf("it listens on %q, and %q is published", listens, c.Services["front"].Ports)
	}
	interval := regexp.MustCompile(`health_interval (\S+)`).FindStringSubmatch(code)
	timeout := regexp.MustCompile(`health_timeout (\S+)`).FindStringSubmatch(code)
	if interval == nil || timeout == nil {
		t.Fatal("no health_interval or health_timeout")
	}
	noticed := duration(t, interval[1]) + duration(t, timeout[1])
	if delay := duration(t, c.Hub.Environment["HUBBUB_DRAIN_DELAY"]); delay <= noticed {
		t.Errorf("an instance drains %s after it said so, and the front may need %s to hear it", delay, noticed)
	}
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
