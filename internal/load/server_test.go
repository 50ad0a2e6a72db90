package load

import (
	"os"
	"strings"
	"testing"
)

func TestServer(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOGC", "400")
	t.Setenv("LOAD_TEST_SERVER", "listens")
	s, err := StartServer(t.Context(), me)
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if s.URL != "ws://127.0.0.1:1234" || s.PID != s.process.Process.Pid {
		t.Errorf("it is at %s, process %d", s.URL, s.PID)
	}
	if written := s.written.String(); !strings.HasSuffix(written, "; GOGC=") {
		t.Errorf("it wrote %q, and should not have our GOGC", written)
	}
	t.Setenv("LOAD_TEST_SERVER", "fails")
	if _, err := StartServer(t.Context(), me); err == nil || !strings.Contains(err.Error(), "port taken") {
		t.Errorf("error %v, want one with what it wrote", err)
	}
}

func TestAddress(t *testing.T) {
	for line, want := range map[string]string{
		"hubbub: the page is at http://localhost:8080/":  "8080",
		`{"msg":"listening","url":"http://[::1]:99"}`:    "99",
		"msg=listening url=http://127.0.0.1:40001":       "40001",
		"http://nowhere/ and then http://localhost:555/": "555",
		"listening on :8080":                             "",
	} {
		got := ""
		if m := address.FindStringSubmatch(line); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s: port %q, want %q", line, got, want)
		}
	}
}

func TestOccupied(t *testing.T) {
	for load, want := range map[string]bool{"0.90 7 7": false, "1.10 0 0": true, "": false, "?": false} {
		if got := (Machine{Cores: 2, Load: load}).Occupied(); got != want {
			t.Errorf("load %q on 2 cores: %v", load, got)
		}
	}
}
