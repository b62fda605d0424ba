package handlers

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"idp/internal/audit"
)

// gauges reads figures that others keep, when somebody asks for them.
type gauges struct {
	MetricsConfig
	events, logins, dropped, hashing, pool, build *prometheus.Desc
}

func newGauges(c MetricsConfig) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gauges{
		MetricsConfig: c,
		events:        desc("idp_audit_events_total", "Audit events written, by type.", "type"),
		logins:        desc("idp_logins_total", "Sign-ins, by outcome.", "outcome"),
		dropped:       desc("idp_traces_dropped_total", "Traces that were not kept."),
		hashing:       desc("idp_password_hashes", "Password hashes, by state: running or waiting.", "state"),
		pool:          desc("idp_database_connections", "Connections to the database, by state: used, idle, or the most there may be.", "state"),
		build:         desc("idp_build_info", "The running version.", "version"),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.events, g.logins, g.dropped, g.hashing, g.pool, g.build} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	if g.Audit != nil {
		counts := g.Audit.Counts()
		for kind, n := range counts {
			counter(g.events, float64(n), string(kind))
		}
		for _, kind := range []audit.Type{audit.LoginOK, audit.LoginFailed, audit.LoginThrottled, audit.StepUpOK} {
			counter(g.logins, float64(counts[kind]), outcome(kind))
		}
	}
	if g.Traces != nil {
		counter(g.dropped, float64(g.Traces.Dropped()))
	}
	if g.HashQueue != nil {
		running, waiting := g.HashQueue()
		gauge(g.hashing, running, "running")
		gauge(g.hashing, waiting, "waiting")
	}
	if g.DatabasePool != nil {
		used, idle, most := g.DatabasePool()
		gauge(g.pool, used, "used")
		gauge(g.pool, idle, "idle")
		gauge(g.pool, most, "most")
	}
	if g.Version != "" {
		gauge(g.build, 1, g.Version)
	}
}

// outcome returns the label of a sign-in's event: ok, failed, throttled, or stepup for a repeated proof.
func outcome(kind audit.Type) string {
	if kind == audit.StepUpOK {
		return "stepup"
	}
	_, word, _ := strings.Cut(string(kind), ".")
	return word
}
