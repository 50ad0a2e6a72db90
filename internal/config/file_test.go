package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
		problems   []string
	}{
		{"empty", "", nil, nil},
		{"comments", "# nothing\n\n---\n", nil, nil},
		{"all kinds of scalars", "listen: :8080 # here\nadmin: off\nmax-rooms: 64\nping: '5s'\nmax-message: \"64KiB\"\ninstance: 1.50\nlog-level: true\n", map[string]string{
			"listen": ":8080", "admin": "off", "max-rooms": "64", "ping": "5s", "max-message": "64KiB", "instance": "1.50", "log-level": "true",
		}, nil},
		{"as it comes from Windows", "\ufefflisten: :1\r\nping: 5s\r\n", map[string]string{"listen": ":1", "ping": "5s"}, nil},
		{"JSON is YAML", `{"listen": ":1", "max-rooms": 5}`, map[string]string{"listen": ":1", "max-rooms": "5"}, nil},
		{"a directive", "%YAML 1.2\n---\nping: 5s\n", map[string]string{"ping": "5s"}, nil},
		{"an unknown key that is near", "listen: :1\nmax_message: 1KiB\n", map[string]string{"listen": ":1"}, []string{
			`f.yaml:2: "max_message" is no setting, did you mean max-message?`,
		}},
		{"an unknown key that is not", "\n\ncolour: red\n", nil, []string{`f.yaml:3: "colour" is no setting, hubbub --help lists them`}},
		{"more than one", "pong: 1s\nlisten: :1\nPing-: 2s\n", map[string]string{"listen": ":1"}, []string{
			`f.yaml:1: "pong" is no setting, did you mean ping?`,
			`f.yaml:3: "Ping-" is no setting, did you mean ping?`,
		}},
		{"a key twice", "ping: 1s\nlisten: :1\nping: 2s\n", map[string]string{"ping": "1s", "listen": ":1"}, []string{
			"f.yaml:3: ping is there already (f.yaml:1: ping), delete one of them",
		}},
		{"a list", "listen: [1, 2]\n", nil, []string{"f.yaml:1: listen: must be a single value, not a list"}},
		{"a mapping", "history:\n  age: 1h\nping:\n  every: 1s\n", nil, []string{
			`f.yaml:1: "history" is no setting, hubbub --help lists them`,
			"f.yaml:3: ping: must be a single value, not a mapping",
		}},
		{"no value", "ping:\nlisten: ~\n", nil, []string{
			"f.yaml:1: ping: has no value, give it one or delete the line",
			"f.yaml:2: listen: has no value, give it one or delete the line",
		}},
		{"tricks", "ping: &a 1s\nadmin: *a\nlisten: !!str x\n<<: {ping: 1s}\n", nil, []string{
			"f.yaml:1: ping: must be a single value, not a YAML tag, anchor or alias",
			"f.yaml:2: admin: must be a single value, not a YAML tag, anchor or alias",
			"f.yaml:3: listen: must be a single value, not a YAML tag, anchor or alias",
			`f.yaml:4: "<<" is no setting, hubbub --help lists them`,
		}},
		{"a file in a file", "config: other.yaml\n", nil, []string{"f.yaml:1: a file cannot name another file, delete this line"}},
		{"a list of settings", "- ping: 1s\n", nil, []string{"f.yaml:1: this is no setting, write one a line, like ping: 30s"}},
		{"no colon", "\nping 30s\n", nil, []string{"f.yaml:2: this is no setting, write one a line, like ping: 30s"}},
		{"two documents", "ping: 1s\n---\nlisten: :1\n", map[string]string{"ping": "1s"}, []string{
			"f.yaml:3: a second document begins here, put all settings into one",
		}},
		{"no YAML", "ping: 1s\nlisten: \"x\n", nil, []string{"f.yaml:2: this is not YAML: could not find end character of double-quoted text"}},
		{"tabs", "\tping: 1s\n", nil, []string{"f.yaml:1: this is not YAML: tab character cannot use as a map key directly"}},
	} {
		entries, problems := parseFile("f.yaml", []byte(c.text))
		var got map[string]string
		for key, e := range entries {
			if got == nil {
				got = map[string]string{}
			}
			got[key] = e.text
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(c.problems, lines(problems)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func lines(problems []error) []string {
	if len(problems) == 0 {
		return nil
	}
	return strings.Split(errors.Join(problems...).Error(), "\n")
}

func TestNearest(t *testing.T) {
	known := keys()
	for name, want := range map[string]string{
		"lisen": "listen", "LISTEN": "listen", "max_message": "max-message", "maxMessage": "max-message", "history": "",
		"history-bites": "history-bytes", "drain": "", "x": "", "": "", "timeout": "", "log": "", "admn": "admin", "logLevel": "log-level",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
