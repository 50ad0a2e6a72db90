package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tool finds a program that others measure with. Without it there is nothing to run the scripts with, and the test says so.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT TESTED: there is no %s on this machine, and the scripts for it were not run", name)
	}
	return path
}

// TestK6 runs each script against this hub, small. Its own thresholds fail it.
func TestK6(t *testing.T) {
	k6 := tool(t, "k6")
	scripts, err := filepath.Glob("examples/k6/*.js")
	if err != nil || len(scripts) < 2 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	port, _ := hubbub(t)
	for _, script := range scripts {
		cmd := exec.CommandContext(t.Context(), k6, "run", "--quiet", "--no-usage-report", "--address", "", "--vus", "4", "--iterations", "4",
			"-e", "URL=ws://127.0.0.1:"+port, "-e", "MESSAGES=5", "-e", "EVERY=100", script)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "checks_succeeded") {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

// TestArtillery runs the script for a second in place of ten.
func TestArtillery(t *testing.T) {
	artillery := tool(t, "artillery")
	port, _ := hubbub(t)
	cmd := exec.CommandContext(t.Context(), artillery, "run", "--target", "ws://127.0.0.1:"+port+"/ws/artillery",
		"--overrides", `{"config":{"phases":[{"duration":1,"arrivalCount":3}]}}`, "examples/artillery.yml")
	out, err := cmd.CombinedOutput()
	count := func(name string) string {
		all := regexp.MustCompile(`(?m)^`+name+`: \.+ (\d+)$`).FindAllSubmatch(out, -1)
		if len(all) == 0 {
			return "not reported"
		}
		return string(all[len(all)-1][1])
	}
	if completed, failed, sent := count(`vusers\.completed`), count(`vusers\.failed`), count(`websocket\.messages_sent`); err != nil || completed != "3" || failed != "0" || sent != "18" {
		t.Errorf("%v: %s users completed, %s failed, %s messages sent; want 3, 0, 18\n%s", err, completed, failed, sent, out)
	}
}
