package handlers

import (
	"net/http"
	"strings"
	"time"
)

// prepared is a route that answers everybody with the same bytes: discovery and the key set. It needs no request id, no deadline and no
// line in the log, which together cost more than the answer.
type prepared struct {
	handler http.HandlerFunc
	metrics *routeMetrics
}

// prepare finds the prepared routes. While the log is to hold everything they are not used: each request goes the long way.
func (f *frame) prepare() {
	f.prepared = map[string]prepared{}
	for _, r := range f.Protocol {
		if r.Prepared && r.Public && !strings.ContainsAny(r.Pattern, "{ ") {
			f.prepared[r.Pattern] = prepared{handler: r.Handler, metrics: f.Metrics.route(r.Pattern)}
		}
	}
}

// servePrepared answers and counts. Scripts of every site may read the answer.
func (f *frame) servePrepared(w http.ResponseWriter, r *http.Request, p prepared, started time.Time) {
	h := w.Header()
	f.documents.set(h)
	h["Access-Control-Allow-Origin"] = everyOrigin
	rec := recorder{ResponseWriter: w}
	p.handler(&rec, r)
	p.metrics.count(max(rec.status, http.StatusOK), time.Since(started))
}
