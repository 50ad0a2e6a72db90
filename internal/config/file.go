package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// entry is one setting of the file: its text, whatever YAML would make of it, and where it stands.
type entry struct {
	text  string
	where string
}

// readFile reads the settings of a file. Everything that is wrong with it is found at once, because whoever edits a file wants
// to know it all; the entries that are right are returned all the same.
func readFile(name string) (map[string]entry, []error) {
	text, err := os.ReadFile(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the name is said already
		}
		return nil, []error{fmt.Errorf("%s: the file of settings cannot be read: %w", name, err)}
	}
	return parseFile(name, text)
}

func parseFile(name string, text []byte) (map[string]entry, []error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	// Duplicates are found below: the parser's own message shows a piece of the file and takes five lines.
	f, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil {
			return nil, []error{fmt.Errorf("%s:%d: this is not YAML: %s", name, ye.GetToken().Position.Line, ye.GetMessage())}
		}
		return nil, []error{fmt.Errorf("%s: this is not YAML: %s", name, yaml.FormatError(err, false, false))}
	}
	entries := make(map[string]entry)
	var problems []error
	for i, doc := range f.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.DirectiveNode:
		case *ast.MappingNode:
			if i > 0 && len(entries) > 0 {
				problems = append(problems, fmt.Errorf("%s:%d: a second document begins here, put all settings into one", name, body.Values[0].Key.GetToken().Position.Line))
				continue
			}
			problems = append(problems, readMapping(name, body, entries)...)
		default:
			problems = append(problems, fmt.Errorf("%s:%d: this is no setting, write one a line, like ping: 30s", name, body.GetToken().Position.Line))
		}
	}
	return entries, problems
}

func readMapping(name string, m *ast.MappingNode, entries map[string]entry) (problems []error) {
	for _, pair := range m.Values {
		key, where := pair.Key.GetToken().Value, fmt.Sprintf("%s:%d", name, pair.Key.GetToken().Position.Line)
		earlier, twice := entries[key]
		value, err := scalar(pair.Value)
		switch {
		case settingByKey[key] == nil:
			err = unknownKey(where, key)
		case key == "config":
			err = fmt.Errorf("%s: a file cannot name another file, delete this line", where)
		case twice:
			err = fmt.Errorf("%s: %s is there already (%s), delete one of them", where, key, earlier.where)
		case err != nil:
			err = fmt.Errorf("%s: %s: %w", where, key, err)
		default:
			// Read now, so that a bad line is found also where a flag or a variable covers it.
			if err = settingByKey[key].reads(value); err != nil {
				err = fmt.Errorf("%s: %s: %w", where, key, err)
				break
			}
			entries[key] = entry{text: value, where: where + ": " + key}
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func unknownKey(where, key string) error {
	if near := nearest(key, keys()); near != "" {
		return fmt.Errorf("%s: %q is no setting, did you mean %s?", where, key, near)
	}
	return fmt.Errorf("%s: %q is no setting, hubbub --help lists them", where, key)
}

// scalar is the text of a single value. The setting's own type reads it, so `128` and `"128"` are the same, and `off` is no boolean.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", errors.New("has no value, give it one or delete the line")
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	default:
		return "", fmt.Errorf("must be a single value, not a %s", kindName(n))
	}
}

func kindName(n ast.Node) string {
	switch n.(type) {
	case *ast.SequenceNode:
		return "list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "mapping"
	default:
		return "YAML tag, anchor or alias"
	}
}
