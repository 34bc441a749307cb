package upstream

import (
	"github.com/jobgate/jobgate/upstream/circuit"
	"github.com/jobgate/jobgate/upstream/quota"
	"github.com/jobgate/jobgate/upstream/retry"
	"github.com/jobgate/jobgate/upstream/slots"
)

// GuardStats are the figures of what stands between calls and the network.
type GuardStats struct {
	Circuits map[string]circuit.Stats // by what is asked for
	Slots    slots.Stats
	Retries  retry.Stats
	Quota    quota.Stats // zero without a limiter
	Shared   uint64      // reads that were answered by the call of another one
}

// GuardStats tells the figures at this moment.
func (c *Client) GuardStats() GuardStats {
	s := GuardStats{
		Circuits: map[string]circuit.Stats{}, Slots: c.guard.slots.Stats(), Retries: c.guard.retries.Stats(), Shared: c.flights.count(),
	}
	if c.guard.quota != nil {
		s.Quota = c.guard.quota.Stats()
	}
	c.guard.circuits.Range(func(lane, b any) bool {
		s.Circuits[lane.(string)] = b.(*circuit.Breaker).Stats() //nolint:errcheck,forcetypeassert // nothing else is in it
		return true
	})
	return s
}

// QuotaTop tells of the n credentials with most calls lately, by a name that tells nothing of
// them, what is known of their quotas. It is empty without a limiter.
func (c *Client) QuotaTop(n int) []quota.Use {
	if c.guard.quota == nil {
		return nil
	}
	return c.guard.quota.Top(n)
}
