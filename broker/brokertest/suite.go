// Package brokertest is what every broker has to pass. It asks for nothing that only one of them promises: how exactly
// limits are kept, and what time does, is tested beside each broker.
package brokertest

import (
	"testing"

	"hubbub/broker"
	"hubbub/internal/retain"
)

// Options is what a test wants of the brokers.
type Options struct {
	Instances int // how many brokers, with one truth between them
	Retention retain.Limits
}

// Factory makes new brokers with a new, empty truth, that of no other call. They are not running yet. One that cannot make
// so many returns fewer, and the tests that need more are skipped. What they hold on to is closed with t.Cleanup; the
// suite has ended every Run before.
type Factory func(t *testing.T, o Options) []broker.Broker

// Run is the suite.
func Run(t *testing.T, f Factory) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, f Factory)
	}{
		{"publish/order", order},
		{"publish/contents", contents},
		{"publish/batches are atomic", atomicBatches},
		{"publish/answers", answers},
		{"publish/nothing", nothing},
		{"publish/before Run", beforeRun},
		{"publish/while the sink is blocked", blockedSink},
		{"publish/pieces of one slice", pieces},
		{"publish/while Run ends", ending},
		{"publish/after Run", afterRun},
		{"keys/who and where", keys},
		{"keys/in one batch", keysInOneBatch},
		{"keys/all at once", keysAtOnce},
		{"rooms/odd names", oddNames},
		{"watch/tail", watchTail},
		{"watch/unknown room", watchUnknown},
		{"watch/edges", watchEdges},
		{"watch/off", watchOff},
		{"watch/under publishing", watchUnderPublishing},
		{"signal/order", signals},
		{"signal/not watched", signalNotWatched},
		{"history/pages", historyPages},
		{"history/large messages", historyLarge},
		{"history/positions", historyPositions},
		{"history/unknown room", historyUnknown},
		{"history/sees what was answered", historyAfterAnswer},
		{"retention/messages", retentionMessages},
		{"retention/bytes", retentionBytes},
		{"retention/total", retentionTotal},
		{"stress", stress},
		{"several/one truth", severalOneTruth},
		{"several/keys", severalKeys},
		{"several/history", severalHistory},
		{"several/stress", severalStress},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, f) })
	}
}
