package main

import (
	"testing"
	"time"

	"hubbub/hub"
	"hubbub/wire"
)

func TestTidyOnlyWhenItIsQuietAndWorthIt(t *testing.T) {
	const much, little = tidyWorth, tidyWorth - 1
	type look struct {
		moved   uint64
		garbage int64
		due     bool
	}
	rows := map[string][]look{
		"busy":           {{1, much, false}, {2, much, false}, {3, much, false}, {4, much, false}, {5, much, false}},
		"falls quiet":    {{1, much, false}, {1, much, false}, {1, much, false}, {1, much, true}, {1, much, false}, {1, much, false}},
		"nothing to get": {{1, little, false}, {1, little, false}, {1, little, false}, {1, little, false}, {1, much, true}},
		"now and then":   {{1, much, false}, {1, much, false}, {1, much, false}, {1, much, true}, {2, much, false}, {2, much, false}, {2, much, false}, {2, much, false}},
	}
	for name, looks := range rows {
		t.Run(name, func(t *testing.T) {
			var q quiet
			now := time.Unix(1e9, 0)
			for i, l := range looks {
				if got := q.due(now, l.moved, l.garbage); got != l.due {
					t.Errorf("look %d: %v", i, got)
				}
				now = now.Add(tidyLook)
			}
			now = now.Add(tidyRest)
			for i := range tidyQuiet + 1 {
				if q.due(now, 99, much) != (i == tidyQuiet) {
					t.Errorf("a later quiet spell, look %d", i)
				}
			}
		})
	}
}

func TestMovement(t *testing.T) {
	before := hub.Stats{Connections: [3]int64{5}}
	for name, after := range map[string]hub.Stats{
		"a message":  {Connections: [3]int64{5}, MessagesIn: 1},
		"a delivery": {Connections: [3]int64{5}, Delivered: 1},
		"a connect":  {Connections: [3]int64{6}},
		"a close":    {Connections: [3]int64{4}, Closes: map[wire.CloseCode]uint64{1000: 1}},
	} {
		if movement(after) == movement(before) {
			t.Errorf("%s is no movement", name)
		}
	}
}
