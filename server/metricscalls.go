package server

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/meter"
)

// faces are the ways that calls come by.
var faces = [...]string{"grpc", "rest"}

func (c *call) face() int {
	if c.caller != nil {
		return 1
	}
	return 0
}

// callMeter measures the calls of one method, by face and code.
type callMeter struct {
	flying [len(faces)]atomic.Int64
	took   [len(faces)][codes.Unauthenticated + 1]meter.Histogram
}

// done counts a call out.
func (m *callMeter) done(face int, code codes.Code, took time.Duration) {
	m.flying[face].Add(-1)
	if int(code) >= len(m.took[face]) {
		code = codes.Unknown
	}
	m.took[face][code].Observe(took)
}

// callCollector tells of the calls of both faces.
type callCollector struct{ meters *meter.Set[callMeter] }

var (
	rpcTotal    = prometheus.NewDesc("jobgate_rpc_total", "Calls that have ended, by method, code and the face by which they came.", []string{"method", "face", "code"}, nil)
	rpcDuration = prometheus.NewDesc("jobgate_rpc_duration_seconds", "Time of calls, from their beginning to their end; of streams, how long they were open.", []string{"method", "face", "code"}, nil)
	rpcInFlight = prometheus.NewDesc("jobgate_rpc_in_flight", "Calls that are under way.", []string{"method", "face"}, nil)
)

func (callCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- rpcTotal
	ch <- rpcDuration
	ch <- rpcInFlight
}

func (c callCollector) Collect(ch chan<- prometheus.Metric) {
	for full, m := range c.meters.All() {
		method := methodName(full)
		for face, name := range faces {
			seen := false
			for code := range m.took[face] {
				r := m.took[face][code].Read()
				if r.Count == 0 {
					continue
				}
				seen = true
				word := codeWord(codes.Code(code))
				ch <- prometheus.MustNewConstMetric(rpcTotal, prometheus.CounterValue, float64(r.Count), method, name, word)
				ch <- histogram(rpcDuration, r, method, name, word)
			}
			if n := m.flying[face].Load(); n != 0 || seen {
				ch <- prometheus.MustNewConstMetric(rpcInFlight, prometheus.GaugeValue, float64(n), method, name)
			}
		}
	}
}

func histogram(d *prometheus.Desc, r meter.Reading, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstHistogram(d, r.Count, r.Sum, r.Buckets, labels...)
}

// requestCollector tells of the requests to GitLab.
type requestCollector struct{ api *upstream.Client }

var (
	upstreamSent = prometheus.NewDesc("jobgate_upstream_requests_total",
		"Requests that were sent to GitLab, by route and the class of the answer's status; none is no answer.", []string{"route", "status"}, nil)
	upstreamTook = prometheus.NewDesc("jobgate_upstream_request_duration_seconds",
		"Time from sending a request to GitLab until its answer begins.", []string{"route", "status"}, nil)
	upstreamQueue = prometheus.NewDesc("jobgate_upstream_queue_seconds",
		"Time that requests have waited before they were sent: for a slot among those under way, for GitLab's quota.", []string{"queue"}, nil)
)

func (requestCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- upstreamSent
	ch <- upstreamTook
	ch <- upstreamQueue
}

func (c requestCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.api.RequestStats()
	for route, classes := range s.Sent {
		for class, r := range classes {
			ch <- prometheus.MustNewConstMetric(upstreamSent, prometheus.CounterValue, float64(r.Count), route, upstream.Classes[class])
			ch <- histogram(upstreamTook, r, route, upstream.Classes[class])
		}
	}
	ch <- histogram(upstreamQueue, s.Slots, "slots")
	ch <- histogram(upstreamQueue, s.Quota, "quota")
}
