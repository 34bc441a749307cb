package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "jobgate_build_info", Help: "The version of the gateway; always 1.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	return info
}

// driftCollector tells what GitLab sent and the contract has no place for.
type driftCollector struct{}

var driftDesc = prometheus.NewDesc("jobgate_unmodelled_total",
	"Members and words of GitLab's that this version has no field or enum value for.",
	[]string{"entity", "member"}, nil)

func (driftCollector) Describe(ch chan<- *prometheus.Desc) { ch <- driftDesc }

func (driftCollector) Collect(ch chan<- prometheus.Metric) {
	for _, d := range gitlabjson.Drifts() {
		ch <- prometheus.MustNewConstMetric(driftDesc, prometheus.CounterValue, float64(d.Count), d.Entity, d.Member)
	}
}

// cacheCollector tells what the client keeps of answers that GitLab may confirm.
type cacheCollector struct{ api *upstream.Client }

var (
	cacheBytes   = prometheus.NewDesc("jobgate_cache_bytes", "Memory of the answers kept for GitLab to confirm.", nil, nil)
	cacheEntries = prometheus.NewDesc("jobgate_cache_entries", "Answers that are kept or were seen once.", nil, nil)
	cacheAnswers = prometheus.NewDesc("jobgate_cache_answers_total",
		"Answers to reads, by whether GitLab confirmed the one that is kept (hit) or sent it (miss).", []string{"result"}, nil)
	cacheEvicted = prometheus.NewDesc("jobgate_cache_evicted_total", "Answers that made room for others.", nil, nil)
)

func (cacheCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{cacheBytes, cacheEntries, cacheAnswers, cacheEvicted} {
		ch <- d
	}
}

func (c cacheCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.api.CacheStats()
	ch <- prometheus.MustNewConstMetric(cacheBytes, prometheus.GaugeValue, float64(s.Bytes))
	ch <- prometheus.MustNewConstMetric(cacheEntries, prometheus.GaugeValue, float64(s.Entries))
	ch <- prometheus.MustNewConstMetric(cacheAnswers, prometheus.CounterValue, float64(s.Hits), "hit")
	ch <- prometheus.MustNewConstMetric(cacheAnswers, prometheus.CounterValue, float64(s.Misses), "miss")
	ch <- prometheus.MustNewConstMetric(cacheAnswers, prometheus.CounterValue, float64(s.Unasked), "unasked")
	ch <- prometheus.MustNewConstMetric(cacheEvicted, prometheus.CounterValue, float64(s.Evicted))
}
