package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Imports follow a message through the house. Each folder, and what of ours its code (not its tests) may import; a folder
// that is not here has no place in the house.
var mayImport = map[string][]string{
	".":                     {"broker", "client", "hub", "internal/config", "internal/load", "internal/load/dialect", "internal/load/report", "internal/metrics", "internal/retain", "web"},
	"web":                   {"client", "hub", "internal/nowait", "wire"},
	"client":                {"broker", "hub", "wire"},
	"hub":                   {"broker", "internal/retain", "wire"},
	"broker":                {"internal/retain", "wire"},
	"broker/brokertest":     {"broker", "internal/retain", "wire"},
	"wire":                  {},
	"internal/config":       {},
	"internal/ledger":       {},
	"internal/ledger/chaos": {"internal/ledger", "internal/ledger/crew", "internal/ledger/stage"},
	"internal/ledger/crew":  {"internal/ledger"},
	"internal/ledger/stage": {},
	"internal/load":         {"internal/load/dialect", "internal/nowait"},
	"internal/load/dialect": {},
	"internal/load/report":  {"internal/load"},
	"internal/load/bench":   {"internal/load", "internal/load/dialect"},
	"internal/metrics":      {"broker", "hub", "wire"},
	"internal/nowait":       {},
	"internal/retain":       {},
	"internal/testkit":      {"hub", "wire"},
}

// Modules that one folder alone may import, so that moving away from them is that folder's work.
var onlyIn = map[string]string{
	"github.com/gofiber/":            "web",
	"github.com/valyala/fasthttp":    "web",
	"github.com/fasthttp/":           "web",
	"github.com/alecthomas/kong":     "internal/config .",
	"github.com/goccy/go-yaml":       "internal/config internal/load/dialect",
	"github.com/prometheus/":         "internal/metrics",
	"github.com/go-json-experiment/": "wire",
	"github.com/HdrHistogram/":       "internal/load internal/load/bench",
	"github.com/redis/":              "broker",
	"net/http":                       "internal/ledger/crew internal/ledger/stage internal/load/bench internal/metrics .",
}

func TestImportsFollowTheMessage(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "tools" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		seen[folder] = true
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: %s has no place in the house: see mayImport", path, folder)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(name, "hubbub/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: a message does not come that way", path, name)
			}
			for prefix, home := range onlyIn {
				if strings.HasPrefix(name, prefix) && !slices.Contains(strings.Fields(home), folder) {
					t.Errorf("%s imports %s, which belongs to %s", path, name, home)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range slices.Sorted(maps.Keys(mayImport)) {
		if !seen[folder] {
			t.Errorf("mayImport speaks of %s, which has no code", folder)
		}
	}
}
