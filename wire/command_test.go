package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkMessage checks what a client may expect of every error's text.
func checkMessage(t *testing.T, e *Error) {
	t.Helper()
	if e.Message == "" || len(e.Message) >= 200 || !utf8.ValidString(e.Message) ||
		strings.HasSuffix(e.Message, ".") || strings.ContainsFunc(e.Message, unicode.IsControl) {
		t.Errorf("a bad message of %d bytes: %q", len(e.Message), e.Message)
	}
}

func TestDecodeMalformed(t *testing.T) {
	long := strings.Repeat("x", 300)
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ says, frame string }{
		{"one JSON object", ``},
		{"one JSON object", ` `},
		{"one JSON object", `hello`},
		{"one JSON object", `null`},
		{"one JSON object", `"ping"`},
		{"one JSON object", `7`},
		{"one JSON object", `[{"type":"ping"}]`},
		{"one JSON object", "\ufeff" + `{"type":"ping"}`},
		{"too early", `{`},
		{"too early", `{"type":"ping"`},
		{"too early", `{"type":"ping","ref":`},
		{"too early", `{"type":"pi`},
		{"not JSON at byte", `{"type":"ping",}`},
		{"not JSON at byte", `{"type" "ping"}`},
		{"not JSON at byte", `{'type':'ping'}`},
		{"not JSON at byte", `{type:"ping"}`},
		{"not JSON at byte", `{1:2,"type":"ping"}`},
		{"not JSON at byte", `{{}:2,"type":"ping"}`},
		{"not JSON at byte", `{[[[`},
		{"not JSON at byte", `{"type":"ping"]`},
		{"not JSON at byte", `{"type":"ping","x":01}`},
		{"not JSON at byte", `{"type":"ping","x":NaN}`},
		{"not JSON at byte", `{"type":"ping","x":tru}`},
		{"not JSON at byte", `{"type":"ping","x":"\x"}`},
		{"not JSON at byte", "{\"type\":\"ping\",\"x\":\"\n\"}"},
		{"behind", `{"type":"ping"} {"type":"ping"}`},
		{"behind", `{"type":"ping"}x`},
		{"UTF-8", "{\"type\":\"ping\",\"x\":\"\xff\"}"},
		{"UTF-8", "{\"type\":\"ping\",\"\xff\":1}"},
		{"UTF-8", "{\"type\":\"ping\",\"x\":[{\"y\":\"\xc3\"}]}"},
		{"not JSON at byte", `{"type":"ping","x":"\ud800"}`},
		{"not JSON at byte", `{"type":"ping","x":[{"y":"\udc00\ud800"}]}`},
		{"not JSON at byte", `{"type":"ping","\ud800":1}`},
		{"not JSON at byte", `{"type":"publish","room":"r","data":"\ud83d"}`},
		{"twice", `{"type":"ping","type":"ping"}`},
		{"twice", `{"type":"ping","x":1,"x":1}`},
		{"twice", `{"type":"ping","x":1,"\u0078":1}`},
		{"twice", `{"type":"publish","room":"r","data":[{"a":{"b":1,"b":2}}]}`},
		{"128 levels", `{"type":"ping","x":` + deep(128) + `}`},
		{"128 levels", `{"type":"publish","room":"r","data":` + deep(10000) + `}`},
		{"128 levels", `{"type":"publish","room":"r","data":` + strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat(`}`, 10000) + `}`},
		{"128 levels", `{"type":"publish","room":"r","data":` + strings.Repeat("[", 10000)},

		{"type", `{}`},
		{"type", `{"ref":1}`},
		{"type", `{"Type":"ping"}`},
		{"type", `{"type":7}`},
		{"type", `{"type":null}`},
		{"type", `{"type":["ping"]}`},
		{"ref", `{"type":"ping","ref":null}`},
		{"ref", `{"type":"ping","ref":true}`},
		{"ref", `{"type":"ping","ref":{}}`},
		{"ref", `{"type":"ping","ref":1.0}`},
		{"ref", `{"type":"ping","ref":1e3}`},
		{"ref", `{"type":"ping","ref":9007199254740992}`},
		{"ref", `{"type":"ping","ref":-9007199254740992}`},
		{"ref", `{"type":"ping","ref":99999999999999999999}`},
		{"ref", `{"type":"ping","ref":"` + strings.Repeat("x", 65) + `"}`},
		{"ref", `{"type":"ping","ref":"` + strings.Repeat("é", 33) + `"}`},
		{"ref", `{"type":"nonsense","ref":1.5}`},

		{"room", `{"type":"join"}`},
		{"room", `{"type":"join","room":7}`},
		{"room", `{"type":"join","room":null}`},
		{"room", `{"type":"join","room":""}`},
		{"room", `{"type":"join","room":"a\u0000"}`},
		{"room", `{"type":"join","room":"@"}`},
		{"room", `{"type":"join","room":"@a/b"}`},
		{"room", `{"type":"join","to":"bob"}`},
		{"room", `{"type":"leave"}`},
		{"room", `{"type":"members"}`},
		{"room", `{"type":"history"}`},
		{"room", `{"type":"publish","data":1}`},
		{"room", `{"type":"signal","data":1}`},
		{"room", `{"type":"publish","room":"` + long + `","data":1}`},
		{"to", `{"type":"publish","to":"","data":1}`},
		{"to", `{"type":"publish","to":"@bob","data":1}`},
		{"to", `{"type":"publish","to":"a/b","data":1}`},
		{"to", `{"type":"publish","to":7,"data":1}`},
		{"to", `{"type":"signal","to":null,"data":1}`},
		{"to", `{"type":"publish","to":"` + long + `","data":1}`},
		{"exclude", `{"type":"publish","to":"bob","room":"@bob","data":1}`},
		{"exclude", `{"type":"signal","to":"bob","room":"@bob","data":1}`},
		{"data", `{"type":"publish","room":"r"}`},
		{"data", `{"type":"signal","room":"r"}`},
		{"exclude", `{"type":"publish","room":"r","data":null,"base64":""}`},
		{"exclude", `{"type":"signal","room":"r","base64":"","data":""}`},
		{"base64", `{"type":"publish","room":"r","base64":7}`},
		{"base64", `{"type":"publish","room":"r","base64":null}`},
		{"base64", `{"type":"publish","room":"r","base64":"a"}`},
		{"base64", `{"type":"publish","room":"r","base64":"aGk"}`},
		{"base64", `{"type":"publish","room":"r","base64":"aGl="}`},
		{"base64", `{"type":"publish","room":"r","base64":"aGk=\n"}`},
		{"base64", `{"type":"publish","room":"r","base64":"AP9_"}`},
		{"key", `{"type":"publish","room":"r","data":1,"key":7}`},
		{"key", `{"type":"publish","room":"r","data":1,"key":null}`},
		{"key", `{"type":"publish","room":"r","data":1,"key":"` + strings.Repeat("k", 65) + `"}`},
		{"echo", `{"type":"publish","ref":1,"room":"r","data":1,"echo":0}`},
		{"echo", `{"type":"publish","room":"r","data":1,"echo":false}`},

		{"presence", `{"type":"join","room":"r","presence":1}`},
		{"presence", `{"type":"join","room":"r","presence":"true"}`},
		{"exclude", `{"type":"join","room":"r","last":1,"after":{"epoch":"k3","offset":41}}`},
		{"last", `{"type":"join","room":"r","last":-1}`},
		{"last", `{"type":"join","room":"r","last":1.0}`},
		{"last", `{"type":"join","room":"r","last":1e1}`},
		{"last", `{"type":"join","room":"r","last":"1"}`},
		{"last", `{"type":"join","room":"r","last":null}`},
		{"last", `{"type":"join","room":"r","last":9007199254740992}`},
		{"after", `{"type":"join","room":"r","after":41}`},
		{"after", `{"type":"join","room":"r","after":"k3:41"}`},
		{"after", `{"type":"join","room":"r","after":null}`},
		{"after", `{"type":"join","room":"r","after":{}}`},
		{"after", `{"type":"join","room":"r","after":{"epoch":"k3"}}`},
		{"after", `{"type":"join","room":"r","after":{"offset":41}}`},
		{"after", `{"type":"join","room":"r","after":{"epoch":3,"offset":41}}`},
		{"after", `{"type":"join","room":"r","after":{"epoch":"k3","offset":"41"}}`},
		{"after", `{"type":"join","room":"r","after":{"epoch":"k3","offset":-1}}`},
		{"after", `{"type":"join","room":"r","after":{"epoch":"k3","offset":4.1e1}}`},
		{"exclude", `{"type":"history","room":"r","before":1,"after":1}`},
		{"before", `{"type":"history","room":"r","before":-1}`},
		{"after", `{"type":"history","room":"r","after":{"epoch":"k3","offset":41}}`},
		{"limit", `{"type":"history","room":"r","limit":"50"}`},
		{"limit", `{"type":"history","room":"r","limit":-50}`},
		{"epoch", `{"type":"history","room":"r","epoch":3}`},
		{"epoch", `{"type":"history","room":"r","epoch":""}`},
		{"token", `{"type":"auth"}`},
		{"token", `{"type":"auth","token":7}`},
	} {
		if _, err := Decode([]byte(c.frame)); err == nil {
			t.Errorf("%.100s was taken", c.frame)
		} else if err.Code != BadRequest || !strings.Contains(err.Message, c.says) {
			t.Errorf("%.100s: %v does not say %q", c.frame, err, c.says)
		} else {
			checkMessage(t, err)
		}
		checkModel(t, []byte(c.frame))
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{"plain": "plain", "a\n\u0085b": "a??b", "0123456789": "01234567", "0123456é": "0123456"} {
		if got := printable(s, 8); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestDecodeTaken(t *testing.T) {
	kept := cmpopts.IgnoreFields(Command{}, "Type", "Ref", "Last", "Before", "AfterOffset", "Limit")
	for frame, want := range map[string]Command{
		// Whitespace belongs to the payload only where it stands between its own tokens.
		" \t{\"type\":\"publish\",\"room\":\"r\",\"data\": { \"a\" :\n1 } }\r\n": {Room: "r", Payload: []byte("{ \"a\" :\n1 }")},
		`{"type":"publish","room":"r","data":null}`:                              {Room: "r", Payload: []byte(`null`)},
		`{"type":"publish","room":"r","data":-1.50E+3}`:                          {Room: "r", Payload: []byte(`-1.50E+3`)},
		`{"type":"publish","room":"r","data":1e999}`:                             {Room: "r", Payload: []byte(`1e999`)},
		`{"type":"publish","room":"r","data":"\u0061\n\ud83d\ude00é"}`:           {Room: "r", Kind: KindText, Payload: []byte("a\n😀é")},
		`{"type":"publish","room":"r","data":""}`:                                {Room: "r", Kind: KindText, Payload: []byte{}},
		`{"type":"publish","room":"r","data":["\u0061"]}`:                        {Room: "r", Payload: []byte(`["\u0061"]`)},
		`{"type":"publish","room":"r","base64":""}`:                              {Room: "r", Kind: KindBinary, Payload: []byte{}},
		`{"type":"publish","room":"r","base64":"AP9\/\u0041A=\u003d"}`:           {Room: "r", Kind: KindBinary, Payload: []byte{0, 255, 127, 0}},
		`{"type":"publish","to":"bob","data":1,"key":"","echo":true}`:            {Room: "@bob", Payload: []byte(`1`)},
		`{"type":"publish","room":"$status","data":1}`:                           {Room: "$status", Payload: []byte(`1`)},
		`{"t\u0079pe":"le\u0061ve","room":"\u0072"}`:                             {Room: "r"},
		`{"type":"signal","to":"bob","data":1,"key":7,"echo":7}`:                 {Room: "@bob", Payload: []byte(`1`)},
		`{"type":"join","room":"r","before":"x","to":7,"data":1,"base64":1}`:     {Room: "r"},
		`{"type":"join","room":"r","presence":false}`:                            {Room: "r", HasPresence: true},
		`{"type":"join","room":"r","after":{"offset":0,"epoch":"","x":{}}}`:      {Room: "r", HasAfter: true},
		`{"type":"join","room":"r","after":{"offset":9007199254740991,"epoch":"k","room":"s"}}`: {
			Room: "r", HasAfter: true, After: Position{"k", 1<<53 - 1},
		},
		`{"type":"ping","room":7,"last":-1,"data":1,"base64":1}`:                          {},
		`{"type":"auth","token":""}`:                                                      {},
		`{"type":"ping","x":` + strings.Repeat("[", 127) + strings.Repeat("]", 127) + `}`: {},
	} {
		got, err := Decode([]byte(frame))
		if err != nil {
			t.Errorf("%s: %v", frame, err)
		} else if diff := cmp.Diff(want, got, kept); diff != "" {
			t.Errorf("%s (-want +got):\n%s", frame, diff)
		}
		checkModel(t, []byte(frame))
	}
}

func TestDecodeIntegers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-0": 0, "1": 1, "50": 50, "9007199254740991": 1<<53 - 1} {
		c, err := Decode([]byte(`{"type":"join","room":"r","last":` + text + `}`))
		if err != nil || c.Last != want {
			t.Errorf("last %s: %d, %v", text, c.Last, err)
		}
		c, err = Decode([]byte(`{"type":"history","room":"r","before":` + text + `,"limit":` + text + `}`))
		if err != nil || c.Before != want || c.Limit != int(min(want, MaxPage)) {
			t.Errorf("before and limit %s: %d and %d, %v", text, c.Before, c.Limit, err)
		}
	}
}

func TestDecodeRef(t *testing.T) {
	for _, ref := range []Ref{
		`1`, `0`, `-0`, `-7`, `9007199254740991`, `-9007199254740991`, `""`, `"a"`, `"\u0061\/"`, `"\ud83d\ude00"`, `"é\n"`,
		Ref(`"` + strings.Repeat("x", 64) + `"`), Ref(`"` + strings.Repeat(`\u0061`, 64) + `"`),
	} {
		for _, frame := range []string{
			`{"type":"ping","ref":` + string(ref) + `}`,
			`{"ref" : ` + string(ref) + ` ,"type":"nonsense"}`,
			`{"type":"join","room":7,"ref":` + string(ref) + `}`,                                               // behind the fault
			`{"type":"join","room":"r","room":"s","ref":` + string(ref) + `}`,                                  // behind a duplicate
			`{"type":"publish","data":[{"a":1,"a":2}],"ref":` + string(ref) + `}`,                              //
			`{"type":"publish","data":"\ud800","ref":` + string(ref) + `}`,                                     // behind a lone surrogate
			"{\"type\":\"publish\",\"data\":\"\xff\",\"ref\":" + string(ref) + `}`,                             // behind a broken character
			`{"data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"ref":` + string(ref) + `}`, // behind deep nesting
			`{"ref":` + string(ref) + `,"type":"ping","ref":{}}`,                                               // the first one counts
			`{"type":"ping","ref":` + string(ref) + `,x`,                                                       // before the JSON breaks
			`{"type":"ping","ref":` + string(ref) + `} {}`,
		} {
			c, _ := Decode([]byte(frame))
			if c.Ref != ref {
				t.Errorf("%.100s: ref %s", frame, c.Ref)
			}
		}
	}
	for _, frame := range []string{
		`{"type":"ping","x" "ref":1}`,
		`{"type":"ping","ref":"\ud800"}`,
		"{\"type\":\"ping\",\"ref\":\"\xff\"}",
		`{"type":"ping","x":{"ref":1}`,
		`[{"ref":1}]`,
	} {
		if c, err := Decode([]byte(frame)); c.Ref != "" || err == nil {
			t.Errorf("%s: ref %s, %v", frame, c.Ref, err)
		}
	}
}

func TestDecodeTypeOfMalformed(t *testing.T) {
	for _, frame := range []string{
		`{"type":"publish"}`,
		`{"ref":{},"type":"publish"}`,
		`{"room":"r","room":"r","type":"publish"}`,
		`{"type":"publish",`,
	} {
		if c, err := Decode([]byte(frame)); c.Type != CmdPublish || err == nil {
			t.Errorf("%s: %v, %v", frame, c.Type, err)
		}
	}
}

func TestDecodeUnknownType(t *testing.T) {
	for _, name := range []string{"", "Ping", "ping ", "subscribe", "welcome", `\u0000\n`, "été", strings.Repeat("é", 5000), strings.Repeat(`\u0001`, 100)} {
		c, err := Decode([]byte(`{"type":"` + name + `","ref":"r","room":7}`))
		if err == nil || err.Code != UnknownType || c.Ref != `"r"` || c.Type != CmdUnknown {
			t.Errorf("%.40q: %v, %+v", name, err, c)
			continue
		}
		checkMessage(t, err)
	}
}

// TestDecodeKeepsNothing checks that a frame's buffer can be used again at once, and that it was left alone.
func TestDecodeKeepsNothing(t *testing.T) {
	for name, line := range golden(t) {
		if !strings.HasPrefix(name, "command-") {
			continue
		}
		frame := []byte(line)
		got, _ := Decode(frame)
		if string(frame) != line {
			t.Errorf("%s: the frame was changed", name)
		}
		for i := range frame {
			frame[i] = '?'
		}
		if want, _ := Decode([]byte(line)); !cmp.Equal(want, got) {
			t.Errorf("%s: the command changed with the frame", name)
		}
	}
}

func TestDecodeAllocations(t *testing.T) {
	for frame, most := range map[string]float64{
		`{"type":"ping","ref":7}`: 0,
		`{"type":"publish","ref":31,"room":"lobby","data":{"text":"hi","n":[1,2]},"key":"9f1c3a77"}`: 4, // ref, room, payload, key
		`{"type":"signal","room":"lobby","data":"hi"}`:                                               2,
	} {
		b := []byte(frame)
		// The race detector makes sync.Pool drop some of what it is given, hence the average over many.
		if n := testing.AllocsPerRun(1000, func() { Decode(b) }); n > most && !raceEnabled {
			t.Errorf("%s: %v allocations", frame, n)
		}
	}
}

// checkModel compares Decode with the model.
func checkModel(t *testing.T, frame []byte) {
	t.Helper()
	before := bytes.Clone(frame)
	got, err := Decode(frame)
	if !bytes.Equal(before, frame) {
		t.Fatalf("%q: the frame was changed", before)
	}
	want, code, complete := modelDecode(frame)
	var gotCode Code
	if err != nil {
		gotCode = err.Code
		checkMessage(t, err)
	}
	if gotCode != code {
		t.Fatalf("%.200q: %v, want %q", frame, err, code)
	}
	if err == nil {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%.200q (-want +got):\n%s", frame, diff)
		}
	} else if complete && modelDepth(frame) < 10000 && (got.Ref != want.Ref || got.Type != want.Type) {
		t.Fatalf("%.200q: %v with ref %s, want %v with ref %s", frame, got.Type, got.Ref, want.Type, want.Ref)
	}
}

func FuzzDecode(f *testing.F) {
	paths, _ := filepath.Glob("testdata/golden/*.json")
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(checkModel)
}
