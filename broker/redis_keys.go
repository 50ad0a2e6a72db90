package broker

import (
	"strconv"
	"strings"
)

// keyspace makes names of keys and channels. All that belongs to a room has the room between braces, so that a cluster keeps
// it in one place and a script may touch all of it.
type keyspace struct{ prefix string }

// braces would end the hash tag too early; the percent sign keeps the names apart that this would make alike.
var braces = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

func (k keyspace) of(room, what string) string {
	if strings.ContainsAny(room, "%{}") {
		room = braces.Replace(room)
	}
	return k.prefix + ":{" + room + "}:" + what
}

// channel is where a room's messages, signals and presence are pushed.
func (k keyspace) channel(room string) string { return k.of(room, "push") }

// house is a key that belongs to no room. The bang keeps it apart from each room's.
func (k keyspace) house(what string) string { return k.prefix + "!{hub}:" + what }

// probe is the channel, and the key, of an instance's n-th probe; where a cluster has it depends on n.
func (k keyspace) probe(instance string, n int) string {
	return k.prefix + "!{" + strconv.Itoa(n) + "}:probe:" + instance
}
