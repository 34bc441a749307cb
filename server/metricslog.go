package server

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobgate/jobgate/server/live"
	"github.com/jobgate/jobgate/server/spool"
)

// logCollector tells what the streams of logs take.
type logCollector struct {
	streams *callerLimit
	pool    *spool.Pool
	hub     *live.Hub
}

var (
	logStreams  = prometheus.NewDesc("jobgate_log_streams", "Streams of logs that callers have open.", nil, nil)
	logReaders  = prometheus.NewDesc("jobgate_log_readers", "Streams that share the reading of a log with others.", nil, nil)
	logFetchers = prometheus.NewDesc("jobgate_log_fetchers", "Logs that are shared, each read from GitLab once.", nil, nil)
	logsKept    = prometheus.NewDesc("jobgate_logs_kept", "Finished logs that are kept although nobody reads them.", nil, nil)
	logRequests = prometheus.NewDesc("jobgate_log_upstream_requests_total",
		"Requests to GitLab for shared logs: for new bytes, for bytes that were evicted, for permission, for the job.", []string{"purpose"}, nil)
	logReceived  = prometheus.NewDesc("jobgate_log_upstream_bytes_total", "Bytes of shared logs that GitLab has sent.", nil, nil)
	logDelivered = prometheus.NewDesc("jobgate_log_delivered_bytes_total", "Bytes of shared logs that readers were given.", nil, nil)
	logSaved     = prometheus.NewDesc("jobgate_log_saved_bytes_total", "Those of them that another reader was given before.", nil, nil)
	logResets    = prometheus.NewDesc("jobgate_log_resets_total", "Shared logs that began anew, by reason.", []string{"reason"}, nil)
	logGaps      = prometheus.NewDesc("jobgate_log_gaps_total", "Parts of shared logs that were passed over because GitLab had lost them.", nil, nil)
	logStaleness = prometheus.NewDesc("jobgate_log_staleness_seconds", "Time since GitLab was last asked with success, of the log for which that is longest.", nil, nil)
	logLag       = prometheus.NewDesc("jobgate_log_reader_lag_bytes", "How far readers of shared logs are behind what is held when they are given a chunk.", nil, nil)
	spoolBytes   = prometheus.NewDesc("jobgate_spool_bytes", "Bytes of logs that are kept, by place.", []string{"place"}, nil)
	spoolErrors  = prometheus.NewDesc("jobgate_spool_disk_failures_total", "Times that the disk for logs could not be written or read.", nil, nil)
	spoolEvicted = prometheus.NewDesc("jobgate_spool_evicted_bytes_total", "Bytes of logs that were dropped for want of room.", nil, nil)
)

func (logCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		logStreams, logReaders, logFetchers, logsKept, logRequests, logReceived, logDelivered, logSaved,
		logResets, logGaps, logStaleness, logLag, spoolBytes, spoolErrors, spoolEvicted,
	} {
		ch <- d
	}
}

func (c logCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(logStreams, prometheus.GaugeValue, float64(c.streams.count()))
	collectLive(ch, c.hub.Stats())
	s := c.pool.Stats()
	ch <- prometheus.MustNewConstMetric(spoolBytes, prometheus.GaugeValue, float64(s.Memory), "memory")
	ch <- prometheus.MustNewConstMetric(spoolBytes, prometheus.GaugeValue, float64(s.Disk), "disk")
	ch <- prometheus.MustNewConstMetric(spoolErrors, prometheus.CounterValue, float64(s.Errors))
	ch <- prometheus.MustNewConstMetric(spoolEvicted, prometheus.CounterValue, float64(s.Evicted))
}

// collectLive tells what the sharing of logs does.
func collectLive(ch chan<- prometheus.Metric, s live.Stats) {
	gauge := func(d *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	counter := func(d *prometheus.Desc, value int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge(logReaders, float64(s.Readers))
	gauge(logFetchers, float64(s.Fetchers))
	gauge(logsKept, float64(s.Kept))
	gauge(logStaleness, s.Staleness.Seconds())
	counter(logRequests, s.Reads, "read")
	counter(logRequests, s.Restores, "restore")
	counter(logRequests, s.Checks, "permission")
	counter(logRequests, s.Jobs, "job")
	counter(logReceived, s.Received)
	counter(logDelivered, s.Delivered)
	counter(logSaved, s.Saved)
	counter(logGaps, s.Gaps)
	for why, n := range s.Resets {
		counter(logResets, n, strings.ToLower(strings.TrimPrefix(why.String(), "TRACE_RESET_REASON_")))
	}
	buckets, all := map[float64]uint64{}, uint64(0)
	for i, n := range s.Lags {
		all += uint64(n) //nolint:gosec // a count
		if i < len(live.LagBounds) {
			buckets[float64(live.LagBounds[i])] = all
		}
	}
	ch <- prometheus.MustNewConstHistogram(logLag, all, float64(s.LagSum), buckets)
}
