package upstream

import (
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream/meter"
)

// Classes are those of what requests to GitLab came to: none without an answer, or that of
// its status.
var Classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// requests measures what is sent. The time is that until the header of the answer; of a
// moved project that is followed, until that of the second.
type requests struct {
	sent         meter.Set[[len(Classes)]meter.Histogram] // by lane
	slots, quota meter.Histogram                          // time that requests have waited for them
}

func (m *requests) note(lane string, resp *http.Response, took time.Duration) {
	class := 0
	if resp != nil {
		if class = resp.StatusCode / 100; class < 1 || class >= len(Classes) {
			class = 0
		}
	}
	m.sent.Get(lane)[class].Observe(took)
}

// RequestStats are the figures of what was sent to GitLab.
type RequestStats struct {
	// Sent are the times until answers have begun, by what was asked for and the index in
	// [Classes]. What never occurred is left out.
	Sent map[string]map[int]meter.Reading
	// Slots and Quota are the times that requests have waited until not too many were under
	// way, and for GitLab's quota, whether they were sent then or not.
	Slots, Quota meter.Reading
}

// RequestStats tells the figures at this moment.
func (c *Client) RequestStats() RequestStats {
	s := RequestStats{Sent: map[string]map[int]meter.Reading{}, Slots: c.requests.slots.Read(), Quota: c.requests.quota.Read()}
	for lane, classes := range c.requests.sent.All() {
		s.Sent[lane] = map[int]meter.Reading{}
		for class := range classes {
			if r := classes[class].Read(); r.Count > 0 {
				s.Sent[lane][class] = r
			}
		}
	}
	return s
}
