package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"hubbub/internal/config"
)

var update = flag.Bool("update", false, "write the table of settings into README.md")

// TestREADME keeps the table in step with the code.
func TestREADME(t *testing.T) {
	const name, begin, end = "../../README.md", "<!-- settings -->\n", "<!-- /settings -->"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no place for the table: %q and %q around it", begin, end)
	}
	want := config.MarkdownTable()
	if *update {
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("README.md does not list the settings as they are; go test ./internal/config -update writes them\n%s", cmp.Diff(table, want))
	}
}

// TestSettingsAreFlags holds the derived names against what kong makes of the same fields.
func TestSettingsAreFlags(t *testing.T) {
	k := kong.Must(new(grammar), kong.Exit(func(int) {}))
	var flags []string
	for _, node := range k.Model.Children {
		if node.Name == "serve" {
			for _, f := range node.Flags {
				flags = append(flags, "--"+f.Name)
			}
		}
	}
	var settings []string
	for _, s := range config.Settings() {
		settings = append(settings, s.Flag)
		if s.Default == "" || s.Help == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s has no default, no help, or help that is no sentence", s.Flag)
		}
		if s.Env != "HUBBUB_"+strings.ToUpper(strings.ReplaceAll(s.Key, "-", "_")) {
			t.Errorf("%s has the variable %s", s.Flag, s.Env)
		}
	}
	if diff := cmp.Diff(settings, flags); diff != "" {
		t.Error(diff)
	}
}
