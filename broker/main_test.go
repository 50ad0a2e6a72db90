package broker_test

import (
	"testing"

	"hubbub/broker"
	"hubbub/broker/brokertest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) []broker.Broker {
		return []broker.Broker{broker.NewMemory(broker.MemoryOptions{Retention: o.Retention})}
	})
}
