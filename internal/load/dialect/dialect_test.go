package dialect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRead(t *testing.T) {
	d, err := Read(write(t, "path: /socket/${client}\nheaders: {Origin: here}\njoin: 'in ${room}'\njoined: 'ok'\npublish: '{\"to\":\"${room}\",\"say\":\"${payload}\"}'\nown: false\nbeat: '.'\nbeatEvery: 5s\n"))
	if err != nil {
		t.Fatal(err)
	}
	head, tail := d.Message("lab")
	if d.Name != "mine" || head != `{"to":"lab","say":"` || tail != `"}` || d.HearsItself() || d.Every != 5*time.Second || d.Headers["Origin"] != "here" {
		t.Errorf("%+v, message %q … %q", d, head, tail)
	}
	if got := Fill(d.Path+d.Join, "lab", "me"); got != "/socket/mein lab" {
		t.Error(got)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no payload":      {"publish: hello", "publish has to contain ${payload} once, and has it 0 times"},
		"two payloads":    {"publish: '${payload}${payload}'", "once, and has it 2 times"},
		"unknown field":   {"publish: '${payload}'\nsubscribe: x", `unknown field "subscribe"`},
		"unknown name":    {"publish: '${payload}'\njoin: 'a ${channel}'", "join has ${channel}, which is not known there: it may have ${room}, ${client}"},
		"misplaced name":  {"publish: '${payload} ${client}'", "publish has ${client}, which is not known there"},
		"a matching name": {"publish: '${payload}'\nready: '${client}'", "ready has ${client}"},
		"half a pair":     {"publish: '${payload}'\njoined: x", "joined without join"},
		"no slash":        {"publish: '${payload}'\npath: socket", "path has to begin with /"},
		"no YAML":         {"publish: [", "template"},
		"not a time":      {"publish: '${payload}'\nbeatEvery: soon", `invalid duration "soon"`},
		"negative":        {"publish: '${payload}'\nbeatEvery: -1s", "above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, test.text)
			_, err := Read(file)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, test.want)
			}
		})
	}
	if _, err := Read("/nowhere.yaml"); err == nil || err.Error() != "template /nowhere.yaml: no such file or directory" {
		t.Error(err)
	}
}

// TestBuiltIn: what is said of the dialects' rooms follows from their texts.
func TestBuiltIn(t *testing.T) {
	for _, test := range []struct {
		d                Dialect
		echoes, one, own bool
	}{
		{Hubbub, false, false, true},
		{HubbubEcho, true, false, true},
		{Pipe, false, false, true},
		{PlainEcho, true, false, true},
		{Broadcast, false, true, true},
	} {
		if err := test.d.check(); err != nil {
			t.Errorf("%s: %v", test.d.Name, err)
		}
		if test.d.Echoes() != test.echoes || test.d.OneRoom() != test.one || test.d.HearsItself() != test.own {
			t.Errorf("%s: echoes %v, one room %v, own %v", test.d.Name, test.d.Echoes(), test.d.OneRoom(), test.d.HearsItself())
		}
	}
}
