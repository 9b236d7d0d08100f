package admin

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/core"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric.
const namespace = "muster"

// collector turns counts into metrics at each scrape.
type collector struct {
	counts func() []core.Count
}

var _ prometheus.Collector = collector{}

// Describe sends nothing: which counts there are shows when they are taken.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends each count as a counter if its name ends in _total, else as a
// gauge, with the label reason if it has one.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, n := range summed(c.counts()) {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(n.Name, "_total") {
			kind = prometheus.CounterValue
		}
		var labels prometheus.Labels
		if n.Reason != "" {
			labels = prometheus.Labels{"reason": n.Reason}
		}
		name := prometheus.BuildFQName(namespace, "", n.Name)
		help := strings.ReplaceAll(strings.TrimSuffix(n.Name, "_total"), "_", " ") + "."
		desc := prometheus.NewDesc(name, help, nil, labels)
		m, err := prometheus.NewConstMetric(desc, kind, float64(n.Value))
		if err != nil {
			m = prometheus.NewInvalidMetric(desc, err)
		}
		out <- m
	}
}

// summed adds up counts with the same name and reason: two rooms may count
// the same thing, and one metric must not appear twice.
func summed(counts []core.Count) []core.Count {
	sorted := slices.Clone(counts)
	slices.SortFunc(sorted, func(a, b core.Count) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Reason, b.Reason))
	})
	var out []core.Count
	for _, c := range sorted {
		if n := len(out); n > 0 && out[n-1].Name == c.Name && out[n-1].Reason == c.Reason {
			out[n-1].Value += c.Value
			continue
		}
		out = append(out, c)
	}
	return out
}

func metricsHandler(counts func() []core.Count, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{counts: counts})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}
