package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file is Decode a second time, as plain as can be and on encoding/json, for the fuzz tests to compare with.

// modelFault says what is wrong with text as JSON, by our strict rules; "" says nothing.
func modelFault(text []byte, depth int) string {
	switch {
	case !utf8.Valid(text):
		return "not UTF-8"
	case !json.Valid(text):
		return "not JSON"
	case modelDepth(text) > depth:
		return "too deep"
	case modelLoneSurrogate(text):
		return "a lone surrogate"
	case modelDuplicate(json.NewDecoder(bytes.NewReader(text))):
		return "a duplicate key"
	}
	return ""
}

func modelDepth(text []byte) (deepest int) {
	within, depth := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case within && c == '\\':
			i++
		case c == '"':
			within = !within
		case within:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

var escapes = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)

func modelLoneSurrogate(text []byte) bool {
	unit := func(at []int) int64 {
		n, err := strconv.ParseInt(string(text[at[0]+2:at[1]]), 16, 32)
		if err != nil {
			return 0
		}
		return n
	}
	all := escapes.FindAllIndex(text, -1)
	for i := 0; i < len(all); i++ {
		u := unit(all[i])
		switch {
		case u >= 0xd800 && u < 0xdc00:
			if i+1 == len(all) || all[i+1][0] != all[i][1] {
				return true
			}
			if low := unit(all[i+1]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i++
		case u >= 0xdc00 && u <= 0xdfff:
			return true
		}
	}
	return false
}

// modelDuplicate reads one value of d and reports whether an object in it has a key twice.
func modelDuplicate(d *json.Decoder) bool {
	d.UseNumber() // 1e999 is JSON
	token, err := d.Token()
	open, ok := token.(json.Delim)
	if err != nil || !ok {
		return false
	}
	var keys []string
	for d.More() {
		if open == '{' {
			key, _ := d.Token()
			keys = append(keys, key.(string))
		}
		if modelDuplicate(d) {
			return true
		}
	}
	_, _ = d.Token()
	all := len(keys)
	slices.Sort(keys)
	return len(slices.Compact(keys)) != all
}

// modelMembers are the members of the object that text begins with, as far as it is JSON; the first of several counts.
func modelMembers(text []byte) map[string]string {
	members := map[string]string{}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return members
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return members
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return members
		}
		if _, there := members[key.(string)]; !there {
			members[key.(string)] = string(value)
		}
	}
	return members
}

var integer = regexp.MustCompile(`^-?[0-9]+$`)

func modelInteger(value string) (*big.Int, bool) {
	if !integer.MatchString(value) {
		return new(big.Int), false
	}
	n, _ := new(big.Int).SetString(value, 10)
	limit := new(big.Int).Lsh(big.NewInt(1), 53)
	return n, n.CmpAbs(limit) < 0
}

func modelString(value string) (s string, ok bool) {
	if !strings.HasPrefix(value, `"`) || !utf8.ValidString(value) || modelLoneSurrogate([]byte(value)) {
		return "", false
	}
	return s, json.Unmarshal([]byte(value), &s) == nil
}

func modelClient(id string) bool {
	return id != "" && len(id) <= 128 && utf8.ValidString(id) && !strings.ContainsAny(id[:1], "@$") && id != "." && id != ".." &&
		!strings.ContainsFunc(id, func(r rune) bool { return r == '/' || unicode.Is(unicode.Cc, r) })
}

func modelRoom(name string) bool {
	if strings.HasPrefix(name, "@") {
		return modelClient(name[1:])
	}
	return name != "" && len(name) <= 255 && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Cc, r) })
}

// model collects what a command holds and whether it is malformed.
type model struct {
	members map[string]string
	Command
	malformed bool
}

func (m *model) must(ok bool) {
	if !ok {
		m.malformed = true
	}
}

func (m *model) count(name string, absent int64) int64 {
	value, there := m.members[name]
	if !there {
		return absent
	}
	n, ok := modelInteger(value)
	m.must(ok && n.Sign() >= 0)
	return n.Int64()
}

func (m *model) string(name string, required bool) string {
	value, there := m.members[name]
	if !there {
		m.must(!required)
		return ""
	}
	s, ok := modelString(value)
	m.must(ok)
	return s
}

func (m *model) bool(name string, absent bool) bool {
	value, there := m.members[name]
	m.must(!there || value == "true" || value == "false")
	return there && value == "true" || !there && absent
}

func (m *model) has(name string) bool { _, there := m.members[name]; return there }

func (m *model) room() {
	m.Room = m.string("room", true)
	m.must(modelRoom(m.Room))
}

func (m *model) target() {
	if !m.has("to") {
		m.room()
		return
	}
	to := m.string("to", true)
	m.must(!m.has("room") && modelClient(to))
	m.Room = "@" + to
}

func (m *model) payload() {
	m.must(m.has("data") != m.has("base64"))
	if m.has("base64") {
		s := m.string("base64", true)
		b, _ := base64.StdEncoding.DecodeString(s)
		m.must(base64.StdEncoding.EncodeToString(b) == s)
		m.Kind, m.Payload = KindBinary, b
		return
	}
	m.Payload = []byte(m.members["data"])
	if strings.HasPrefix(m.members["data"], `"`) {
		m.Kind, m.Payload = KindText, []byte(m.string("data", true))
	}
}

// modelDecode is what Decode has to give. complete is false if text is not JSON to its end, so that nobody can say what is to be
// found in it of type and ref.
func modelDecode(text []byte) (c Command, code Code, complete bool) {
	members := modelMembers(text)
	m := &model{members: members, Command: Command{Last: -1, Before: -1, AfterOffset: -1, Limit: 50}}
	if value, there := members["ref"]; there {
		s, isString := modelString(value)
		_, isInteger := modelInteger(value)
		if isString && len(s) <= 64 || isInteger {
			m.Ref = Ref(value)
		} else {
			m.malformed = true
		}
	}
	name, isString := modelString(members["type"])
	m.must(isString)
	types := map[string]CommandType{
		"join": CmdJoin, "leave": CmdLeave, "publish": CmdPublish, "signal": CmdSignal,
		"history": CmdHistory, "members": CmdMembers, "auth": CmdAuth, "ping": CmdPing,
	}
	m.Type = types[name]
	if !strings.HasPrefix(strings.TrimLeft(string(text), " \t\r\n"), "{") || modelFault(text, 128) != "" {
		return m.Command, BadRequest, json.Valid(text)
	}
	switch {
	case m.malformed:
		return m.Command, BadRequest, true
	case m.Type == CmdUnknown:
		return m.Command, UnknownType, true
	}
	m.fields()
	if m.malformed {
		return m.Command, BadRequest, true
	}
	return m.Command, "", true
}

func (m *model) fields() {
	switch m.Type {
	case CmdJoin:
		m.room()
		m.Presence, m.HasPresence = m.bool("presence", false), m.has("presence")
		m.Last, m.HasAfter = m.count("last", -1), m.has("after")
		m.must(m.Last < 0 || !m.HasAfter)
		if m.HasAfter {
			at := &model{members: modelMembers([]byte(m.members["after"]))}
			m.After = Position{at.string("epoch", true), uint64(at.count("offset", -1))}
			m.must(!at.malformed && at.has("offset"))
		}
	case CmdLeave, CmdMembers:
		m.room()
	case CmdPublish:
		m.target()
		m.payload()
		m.Key = m.string("key", false)
		m.NoEcho = !m.bool("echo", true)
		m.must(len(m.Key) <= 64 && (!m.NoEcho || m.Ref != ""))
	case CmdSignal:
		m.target()
		m.payload()
	case CmdHistory:
		m.room()
		m.must(!m.has("before") || !m.has("after"))
		m.Before, m.AfterOffset = m.count("before", -1), m.count("after", -1)
		m.Limit = int(min(m.count("limit", 50), 200))
		m.Epoch = m.string("epoch", false)
		m.must(!m.has("epoch") || m.Epoch != "")
	case CmdAuth:
		m.Token = m.string("token", true)
	}
}
