package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hubbub/internal/config"
)

// instruction is a line of the Dockerfile, in its stage.
type instruction struct {
	stage      int
	word, rest string
}

// fields are the operands without --options.
func (i instruction) fields() []string {
	return slices.DeleteFunc(strings.Fields(i.rest), func(s string) bool { return strings.HasPrefix(s, "--") })
}

// option is the value of --name=value, or "".
func (i instruction) option(name string) string {
	for _, f := range strings.Fields(i.rest) {
		if v, ok := strings.CutPrefix(f, "--"+name+"="); ok {
			return v
		}
	}
	return ""
}

func dockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stage := -1
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "FROM" {
			stage++
		}
		all = append(all, instruction{stage, word, rest})
	}
	return all
}

// one is the only instruction of that name in the last stage.
func one(t *testing.T, all []instruction, word string) instruction {
	t.Helper()
	var found []instruction
	for _, i := range all {
		if i.word == word && i.stage == all[len(all)-1].stage {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the last stage has %d of %s, want one", len(found), word)
	}
	return found[0]
}

func TestDockerfileCopies(t *testing.T) {
	stages := map[string]string{} // its name, what it builds
	last := ""
	for _, i := range dockerfile(t) {
		switch i.word {
		case "FROM":
			last = ""
			if f := i.fields(); len(f) == 3 && strings.EqualFold(f[1], "AS") {
				last = f[2]
				stages[last] = ""
			}
		case "RUN":
			if m := regexp.MustCompile(` -o (\S+)`).FindStringSubmatch(i.rest); m != nil {
				stages[last] = m[1]
				if !strings.Contains(i.rest, "CGO_ENABLED=0 ") {
					t.Error("the binary is not static: CGO_ENABLED=0 is missing, and scratch has no libc")
				}
			}
		case "COPY":
			f := i.fields()
			for _, source := range f[:len(f)-1] {
				if from := i.option("from"); from != "" {
					if built, ok := stages[from]; !ok || built != source {
						t.Errorf("COPY %s: stage %q builds %q", i.rest, from, built)
					}
				} else if _, err := os.Stat(source); err != nil {
					t.Errorf("COPY %s: %v", i.rest, err)
				} else if source != "." && ignored(t, source) {
					t.Errorf("COPY %s: .dockerignore keeps it out", i.rest)
				}
			}
		}
	}
}

func TestDockerfileRuns(t *testing.T) {
	all := dockerfile(t)
	binary := one(t, all, "COPY").fields()[1]

	var entry []string
	if err := json.Unmarshal([]byte(one(t, all, "ENTRYPOINT").rest), &entry); err != nil {
		t.Fatalf("ENTRYPOINT needs the form with brackets, scratch has no shell: %v", err)
	}
	_, check, ok := strings.Cut(one(t, all, "HEALTHCHECK").rest, "CMD ")
	var health []string
	if err := json.Unmarshal([]byte(check), &health); !ok || err != nil {
		t.Fatalf("HEALTHCHECK needs CMD and brackets: %v", err)
	}
	for want, command := range map[string][]string{"serve": entry, "health": health} {
		if command[0] != binary {
			t.Errorf("%q is run, but the binary is copied to %s", command, binary)
		}
		p, err := config.Parse(new(commands), config.Input{Args: command[1:], Help: io.Discard})
		if err != nil || p.Command != want {
			t.Errorf("%q is %q (%v), want %s", command, p.Command, err, want)
		}
		if err == nil && want == "serve" {
			if port := one(t, all, "EXPOSE").rest; !strings.HasSuffix(p.Config.Listen, ":"+port) {
				t.Errorf("EXPOSE %s, but it listens on %s", port, p.Config.Listen)
			}
		}
	}
	user, group, _ := strings.Cut(one(t, all, "USER").rest, ":")
	for _, id := range []string{user, group} {
		// Numbers, because Kubernetes' runAsNonRoot cannot judge names.
		if n, err := strconv.Atoi(id); err != nil || n == 0 {
			t.Errorf("USER %s:%s: want numbers, and not root's", user, group)
		}
	}
}

func TestDockerfileGoVersion(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if from := dockerfile(t)[0]; !strings.HasPrefix(from.rest, "golang:"+string(m[1])+" ") {
		t.Errorf("FROM %s, but go.mod says %s", from.rest, m[1])
	}
}

// TestDockerignore builds up the context that an engine would send, and asks Go whether that is a program: nothing that is
// compiled or embedded may be kept out.
func TestDockerignore(t *testing.T) {
	dir := t.TempDir()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case ignored(t, filepath.ToSlash(name)):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return os.Mkdir(filepath.Join(dir, name), 0o755)
		case d.Type().IsRegular():
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", ".")
	list.Dir = dir
	if out, err := list.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, secret := range []string{".git", "e2e"} {
		if _, err := os.Stat(filepath.Join(dir, secret)); err == nil {
			t.Errorf("%s goes into the build's context", secret)
		}
	}
}

// ignored is .dockerignore as far as this one goes: names at the top, and **/pattern.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	text, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range strings.Fields(string(text)) {
		rest, anywhere := strings.CutPrefix(pattern, "**/")
		if strings.ContainsAny(pattern, "!#") || strings.Contains(rest, "/") || !anywhere && strings.Contains(rest, "*") {
			t.Fatalf(".dockerignore: this test does not understand %q", pattern)
		}
		if match, _ := path.Match(rest, path.Base(name)); match && (anywhere || name == pattern) {
			return true
		}
	}
	return false
}
