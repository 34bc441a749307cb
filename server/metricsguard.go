package server

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobgate/jobgate/server/once"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/circuit"
)

// guardCollector tells what stands between calls and GitLab.
type guardCollector struct{ api *upstream.Client }

var (
	gitlabUp       = prometheus.NewDesc("jobgate_upstream_up", "Whether GitLab answers, as far as is known: 0 if calls are held back.", nil, nil)
	circuitState   = prometheus.NewDesc("jobgate_circuit_open", "Whether calls of a kind are held back: 1 all but probes, 0.5 some.", []string{"call"}, nil)
	circuitOpened  = prometheus.NewDesc("jobgate_circuit_opened_total", "How often calls of a kind began to be held back.", []string{"call"}, nil)
	circuitRefused = prometheus.NewDesc("jobgate_circuit_refused_total", "Calls that were held back.", []string{"call"}, nil)
	upstreamCalls  = prometheus.NewDesc("jobgate_upstream_calls", "Calls to GitLab that are under way, or wait for their turn.", []string{"state"}, nil)
	upstreamFull   = prometheus.NewDesc("jobgate_upstream_calls_refused_total", "Calls that were not sent because too many were under way.", nil, nil)
	upstreamRetry  = prometheus.NewDesc("jobgate_upstream_retries_total",
		"Reads that failed in a way that may pass: sent again, or why not.", []string{"verdict"}, nil)
	quotaCalls = prometheus.NewDesc("jobgate_quota_calls_total",
		"Calls by what GitLab's quota, as far as it is known, made of them: sent, of these after a wait; refused early, since the deadline was nearer or too many waited; refused by GitLab.",
		[]string{"result"}, nil)
	quotaWaiting   = prometheus.NewDesc("jobgate_quota_waiting", "Calls that wait for GitLab's quota.", nil, nil)
	quotaLeft      = prometheus.NewDesc("jobgate_quota_remaining_share", "Share of the quota that is left, over the credentials whose quota is known.", nil, nil)
	upstreamShared = prometheus.NewDesc("jobgate_upstream_shared_total", "Reads that were answered by an equal one's call.", nil, nil)
)

func (guardCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		gitlabUp, circuitState, circuitOpened, circuitRefused, upstreamCalls, upstreamFull, upstreamRetry, upstreamShared,
		quotaCalls, quotaWaiting, quotaLeft,
	} {
		ch <- d
	}
}

func (c guardCollector) Collect(ch chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	s, up := c.api.GuardStats(), 1.0
	if c.api.Health().Down {
		up = 0
	}
	tell(gitlabUp, prometheus.GaugeValue, up)
	for call, b := range s.Circuits {
		state := map[circuit.State]float64{circuit.Open: 1, circuit.HalfOpen: 0.5}[b.State]
		tell(circuitState, prometheus.GaugeValue, state, call)
		tell(circuitOpened, prometheus.CounterValue, float64(b.Opened), call)
		tell(circuitRefused, prometheus.CounterValue, float64(b.Refused), call)
	}
	tell(upstreamCalls, prometheus.GaugeValue, float64(s.Slots.Held), "under_way")
	tell(upstreamCalls, prometheus.GaugeValue, float64(s.Slots.Waiting), "waiting")
	tell(upstreamFull, prometheus.CounterValue, float64(s.Slots.Full+s.Slots.Late))
	for verdict, n := range s.Retries.Verdicts {
		tell(upstreamRetry, prometheus.CounterValue, float64(n), strings.ReplaceAll(verdict.String(), " ", "_"))
	}
	tell(upstreamShared, prometheus.CounterValue, float64(s.Shared))
	for result, n := range map[string]int64{
		"sent": s.Quota.Admitted, "waited": s.Quota.Waited, "too_late": s.Quota.Late, "queue_full": s.Quota.Full, "refused": s.Quota.Refused,
	} {
		tell(quotaCalls, prometheus.CounterValue, float64(n), result)
	}
	tell(quotaWaiting, prometheus.GaugeValue, float64(s.Quota.Waiting))
	buckets, all, sum := map[float64]uint64{}, uint64(0), 0.0
	for i, n := range s.Quota.Remaining {
		all += uint64(n) //nolint:gosec // a count
		sum += float64(n) * (float64(i) + 0.5) / 10
		buckets[float64(i+1)/10] = all
	}
	ch <- prometheus.MustNewConstHistogram(quotaLeft, all, sum, buckets)
}

// onceCollector tells what is remembered of writes with a request id.
type onceCollector struct{ store *once.Store[*written] }

var (
	onceEntries = prometheus.NewDesc("jobgate_request_ids", "Request ids of writes that are remembered.", nil, nil)
	onceBytes   = prometheus.NewDesc("jobgate_request_ids_bytes", "Memory of what is remembered of them.", nil, nil)
	onceWrites  = prometheus.NewDesc("jobgate_request_id_writes_total", "Writes with a request id, by what came of them.", []string{"result"}, nil)
)

func (onceCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{onceEntries, onceBytes, onceWrites} {
		ch <- d
	}
}

func (c onceCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.store.Stats()
	ch <- prometheus.MustNewConstMetric(onceEntries, prometheus.GaugeValue, float64(s.Entries))
	ch <- prometheus.MustNewConstMetric(onceBytes, prometheus.GaugeValue, float64(s.Bytes))
	for result, n := range map[string]int64{
		"sent": s.Runs, "replayed": s.Replays, "unknown": s.Unknown, "conflict": s.Conflicts, "refused": s.Refused, "unconfirmed": s.Unconfirmed,
	} {
		ch <- prometheus.MustNewConstMetric(onceWrites, prometheus.CounterValue, float64(n), result)
	}
}
