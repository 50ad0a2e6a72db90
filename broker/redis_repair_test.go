package broker_test

import (
	"strings"
	"testing"

	"hubbub/broker"
	"hubbub/internal/testkit"
	"hubbub/wire"
)

// A read begins with the batch that the sink has last, and that may be as large as a read may be. It still has to get beyond it.
func TestRedisRepairBehindLargeBatch(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	for name, batch := range map[string][]wire.Message{
		"many":  manyOf(broker.OutMessages, "x"),
		"large": {say(strings.Repeat("x", broker.OutBytes+1))},
	} {
		two := hubs(t, broker.RedisOptions{URL: server.URL()}, 2)
		for _, h := range two {
			h.watch("lobby")
		}
		at := two[0].try("lobby", batch...)[len(batch)-1].Position
		two[1].reaches("lobby", at)
		two[0].cut(server)
		if at := two[0].put("lobby", name); at.Offset != uint64(len(batch))+1 {
			t.Errorf("%s: it is at %v", name, at)
		}
		at.Offset++
		everyone(two, "lobby", at, 0)
	}
}

func manyOf(n int, payload string) (all []wire.Message) {
	for range n {
		all = append(all, say(payload))
	}
	return all
}

// cut kills all connections that messages are pushed on.
func (h *hub) cut(s *testkit.RedisServer) { h.t.Helper(); s.CLI("client", "kill", "type", "pubsub") }
