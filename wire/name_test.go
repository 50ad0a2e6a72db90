package wire

import (
	"errors"
	"strings"
	"testing"
)

// clientIDs are names and whether they are client ids.
var clientIDs = []struct {
	id string
	ok bool
}{
	{"alice", true},
	{"a", true},
	{"евгений", true},
	{"sensor 7", true},
	{" ", true},
	{"a@b", true},
	{"a$", true},
	{"...", true},
	{".a", true},
	{"\u00a0", true},     // a space, not a control character
	{"a\u2028b", true},   // a separator (Zl), not Cc
	{"\u200b", true},     // a format character (Cf), not Cc
	{"a\\b\"c", true},    // odd, but no rule is against it
	{"\U0001f600", true}, //
	{"a%2Fb", true},      // decoding is the handshake's business
	{strings.Repeat("a", 128), true},
	{strings.Repeat("é", 64), true},
	{"", false},
	{strings.Repeat("a", 129), false},
	{strings.Repeat("é", 64) + "a", false},
	{".", false},
	{"..", false},
	{"@alice", false},
	{"$alice", false},
	{"a/b", false},
	{"/", false},
	{"a\x00", false},
	{"a\nb", false},
	{"\x1f", false},
	{"\x7f", false},
	{"a\u0080", false},
	{"é\u009f", false},
	{"é\n", false},
	{"\xff", false},
	{"a\xc3", false},
	{"\xed\xa0\x80", false}, // a surrogate, which UTF-8 does not have
}

func TestCheckClient(t *testing.T) {
	for _, c := range clientIDs {
		checkFault(t, c.id, CheckClient(c.id), c.ok)
	}
}

func TestCheckRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"lobby", true},
		{"a/b", true},
		{".", true},
		{"..", true},
		{" ", true},
		{"$status", true},
		{"$", true},
		{"a@", true},
		{"комната", true},
		{strings.Repeat("a", 255), true},
		{strings.Repeat("€", 85), true},
		{"@" + strings.Repeat("a", 128), true},
		{"", false},
		{strings.Repeat("a", 256), false},
		{strings.Repeat("€", 85) + "a", false},
		{"@", false},
		{"@" + strings.Repeat("a", 129), false},
		{"a\tb", false},
		{"\u0085", false},
		{"\xff", false},
	} {
		checkFault(t, c.name, CheckRoom(c.name), c.ok)
	}
	for _, c := range clientIDs {
		checkFault(t, Inbox(c.id), CheckRoom(Inbox(c.id)), c.ok)
	}
}

func checkFault(t *testing.T, name string, err error, ok bool) {
	t.Helper()
	if ok != (err == nil) {
		t.Errorf("%q: error %v", name, err)
	}
	if err == nil {
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != BadRequest {
		t.Fatalf("%q: %v is no bad request", name, err)
	}
	checkMessage(t, e)
}

func TestInbox(t *testing.T) {
	if got := Inbox("bob"); got != "@bob" {
		t.Errorf("bob's inbox is %q", got)
	}
	for _, c := range []struct {
		room, client string
		ok, reserved bool
	}{
		{"@bob", "bob", true, false},
		{"@", "", true, false},
		{"bob", "bob", false, false},
		{"a@bob", "a@bob", false, false},
		{"", "", false, false},
		{"$status", "$status", false, true},
		{"a$", "a$", false, false},
	} {
		client, ok := InboxOwner(c.room)
		if ok != c.ok || ok && client != c.client {
			t.Errorf("the owner of %q: %q, %v", c.room, client, ok)
		}
		if got := Reserved(c.room); got != c.reserved {
			t.Errorf("%q reserved: %v", c.room, got)
		}
	}
}
