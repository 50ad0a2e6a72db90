package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// examples are the lines of PROTOCOL.md's json blocks.
func examples(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	within := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			within = line == "```json"
		case within:
			lines = append(lines, line)
		}
	}
	return lines
}

// golden is the files of testdata/golden by name; each holds one line.
func golden(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/golden/*.json")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line, ended := strings.CutSuffix(string(text), "\n")
		if !ended {
			t.Errorf("%s does not end with a newline", path)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = line
	}
	return files
}

func TestProtocolExamplesAreGolden(t *testing.T) {
	used := map[string]string{}
	for name, line := range golden(t) {
		if other, twice := used[line]; twice {
			t.Errorf("%s and %s are the same", name, other)
		}
		used[line] = name
	}
	lines := examples(t)
	if len(lines) < 30 {
		t.Fatalf("PROTOCOL.md has only %d examples: are its blocks still marked as json?", len(lines))
	}
	for _, line := range lines {
		if _, ok := used[line]; !ok {
			t.Errorf("PROTOCOL.md has an example that is no golden file: %s", line)
		}
		delete(used, line)
	}
	for line, name := range used {
		t.Errorf("%s is no example of PROTOCOL.md: %s", name, line)
	}
}

func TestGoldenCommands(t *testing.T) {
	files := golden(t)
	want := map[string]Command{
		"command-join":           {Type: CmdJoin, Ref: "1", Room: "lobby"},
		"command-join-last":      {Type: CmdJoin, Ref: "1", Room: "lobby", Last: 50},
		"command-join-after":     {Type: CmdJoin, Ref: "1", Room: "lobby", HasAfter: true, After: Position{"k3", 41}},
		"command-join-presence":  {Type: CmdJoin, Ref: "1", Room: "lobby", Presence: true, HasPresence: true},
		"command-leave":          {Type: CmdLeave, Ref: "2", Room: "lobby"},
		"command-publish":        {Type: CmdPublish, Ref: "3", Room: "lobby", Payload: []byte(`{"text":"hi"}`), Key: "9f1c"},
		"command-publish-to":     {Type: CmdPublish, Ref: "3", Room: "@bob", Kind: KindText, Payload: []byte("psst")},
		"command-publish-noecho": {Type: CmdPublish, Ref: "3", Room: "lobby", Payload: []byte("1"), NoEcho: true},
		"command-publish-base64": {Type: CmdPublish, Ref: "3", Room: "lobby", Kind: KindBinary, Payload: []byte{0, 255, 127}},
		"command-signal":         {Type: CmdSignal, Room: "lobby", Payload: []byte(`{"typing":true}`)},
		"command-history-before": {Type: CmdHistory, Ref: "4", Room: "lobby", Before: 42, Limit: 50},
		"command-history-after":  {Type: CmdHistory, Ref: "4", Room: "lobby", AfterOffset: 41},
		"command-history-epoch":  {Type: CmdHistory, Ref: "4", Room: "lobby", AfterOffset: 41, Epoch: "k3"},
		"command-members":        {Type: CmdMembers, Ref: "5", Room: "lobby"},
		"command-auth":           {Type: CmdAuth, Ref: "6", Token: "…"},
		"command-ping":           {Type: CmdPing, Ref: "7"},
	}
	for name, c := range want {
		// What the table leaves at zero was not said, which Decode tells by other values.
		for _, absent := range []*int64{&c.Last, &c.Before, &c.AfterOffset} {
			if *absent == 0 {
				*absent = -1
			}
		}
		if c.Limit == 0 {
			c.Limit = DefaultPage
		}
		got, err := Decode([]byte(files[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		delete(files, name)
	}
	for name := range files {
		if !strings.HasPrefix(name, "event-") {
			t.Errorf("%s has no row here", name)
		}
	}
}

func TestGoldenEvents(t *testing.T) {
	at := Position{Epoch: "k3", Offset: 58}
	hi := Message{Offset: 58, Time: 1764000000123, Client: "alice", Key: "9f1c", Payload: []byte(`{"text":"hi"}`)}
	psst := Message{Offset: 59, Time: 1764000000456, Client: "bob", Kind: KindText, Payload: []byte("psst")}
	raw := Message{Offset: 60, Time: 1764000000789, Client: "bob", Kind: KindBinary, Payload: []byte{0, 255, 127}}
	typing := Message{Client: "bob", Payload: []byte(`{"typing":true}`)}
	page := []*Message{
		{Offset: 40, Time: 1764000000001, Client: "alice", Kind: KindText, Payload: []byte("hello")},
		{Offset: 41, Time: 1764000000002, Client: "bob", Key: "7a", Payload: []byte(`{"text":"hi"}`)},
	}
	got := map[string][]byte{
		"event-welcome":             AppendWelcome(nil, Welcome{"alice", "c1", "i1", 25, 65536, 128}),
		"event-joined":              AppendJoined(nil, "1", "lobby", Position{"k3", 57}, 12),
		"event-message":             AppendMessage(nil, "lobby", &hi),
		"event-message-text":        AppendMessage(nil, "lobby", &psst),
		"event-message-binary":      AppendMessage(nil, "lobby", &raw),
		"event-gap-trimmed":         AppendTrimmed(nil, "lobby", 42, 50),
		"event-gap-epoch":           AppendNewEpoch(nil, "lobby", "m7"),
		"event-published":           AppendPublished(nil, "3", "lobby", at, false),
		"event-published-duplicate": AppendPublished(nil, "3", "lobby", at, true),
		"event-left":                AppendLeft(nil, "2", "lobby"),
		"event-signal":              AppendSignal(nil, "lobby", &typing),
		"event-presence":            AppendPresence(nil, "lobby", []string{"bob"}, []string{"carol"}, 12),
		"event-presence-count":      AppendPresence(nil, "lobby", nil, nil, 201),
		"event-history":             AppendHistory(nil, "4", "lobby", "k3", 1, 58, page),
		"event-history-empty":       AppendHistory(nil, "4", "empty", "k4", 1, 0, nil),
		"event-members":             AppendMembers(nil, "5", "lobby", 2, []Member{{"alice", 2}, {"bob", 1}}),
		"event-authorized":          AppendAuthorized(nil, "6", "alice", 1764003600000),
		"event-pong":                AppendPong(nil, "7", 1764000000123),
		"event-error":               AppendError(nil, "3", &Error{Code: Forbidden, Message: "alice may not publish to lobby"}),
		"event-error-retry":         AppendError(nil, "3", &Error{Unavailable, "the room's log cannot be reached, retry with the same key", 1}),
	}
	files := golden(t)
	for name, text := range got {
		if diff := cmp.Diff(files[name], string(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		delete(files, name)
	}
	for name := range files {
		if !strings.HasPrefix(name, "command-") {
			t.Errorf("%s has no row here", name)
		}
	}
}
