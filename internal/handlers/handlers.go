package handlers

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"idp/internal/directory"
	"idp/internal/handlers/pages"
	"idp/internal/handlers/ui"
)

// Dependencies names what the public side is made of.
type Dependencies struct {
	Issuer         string // without a trailing slash; may have a path, under which everything is mounted
	UI             *ui.UI
	Pages          *pages.Pages
	Protocol       []Route      // the endpoints of package oauth (FromOAuth)
	API            http.Handler // the admin API, which sees paths as they came; nil for none
	Dev            []Route      // for development only; their patterns are absolute
	Clients        *directory.Clients
	Health         *Health
	Metrics        *Metrics
	TrustedProxies []netip.Prefix
	Certificates   ClientCertificates
	BodyLimit      int64         // bytes of a form; 64 KiB if 0
	APIBodyLimit   int64         // bytes of an API request; 1 MiB if 0
	RequestTimeout time.Duration // after which a request's statements are given up; 30 s if 0
	Logger         *slog.Logger
}

// Route is an endpoint to be mounted. Its pattern is that of http.ServeMux, absolute and without a method: the handler answers wrong
// methods itself.
type Route struct {
	Pattern string
	Handler http.HandlerFunc
	CORS    bool   // browser applications of registered clients may call it (FL-20)
	Methods string // that scripts may use; GET and POST if empty
	Public  bool   // scripts of every site may call it, without cookies: it is for who is not registered yet
	// Prepared answers everybody the same and touches nothing. Its requests are counted; they have a line in the log at level debug.
	Prepared bool
}

const (
	defaultBodyLimit    = 64 << 10
	defaultAPIBodyLimit = 1 << 20
	defaultTimeout      = 30 * time.Second
)

// frame is the public side.
type frame struct {
	Dependencies
	base      string // the issuer's path
	proxies   proxies
	cross     *http.CrossOriginProtection
	headers   headers // of what people see
	documents headers // of what programs read
	mux       *http.ServeMux
	stray     http.Handler  // answers what the mux would redirect
	unknown   *routeMetrics // of requests that no route takes

	prepared map[string]prepared // by path; empty where every request is to be logged
}

// New returns the public side.
func New(d Dependencies) (http.Handler, error) {
	issuer, err := url.Parse(d.Issuer)
	if err != nil || issuer.Host == "" || strings.HasSuffix(d.Issuer, "/") {
		return nil, fmt.Errorf("issuer %q: want an absolute URL without a trailing slash", d.Issuer)
	}
	if d.BodyLimit <= 0 {
		d.BodyLimit = defaultBodyLimit
	}
	if d.APIBodyLimit <= 0 {
		d.APIBodyLimit = defaultAPIBodyLimit
	}
	if d.RequestTimeout <= 0 {
		d.RequestTimeout = defaultTimeout
	}
	f := &frame{
		Dependencies: d, base: issuer.Path, proxies: d.TrustedProxies, cross: http.NewCrossOriginProtection(),
		headers: newHeaders(issuer.Scheme == "https"), documents: newHeaders(issuer.Scheme == "https").forDocuments(), mux: http.NewServeMux(), unknown: d.Metrics.route("none"),
	}
	// A proxy may change the Host header: our own origin is the configured one whatever the request says.
	if err := f.cross.AddTrustedOrigin(issuer.Scheme + "://" + issuer.Host); err != nil {
		return nil, fmt.Errorf("issuer %q: %w", d.Issuer, err)
	}
	if err := f.mount(); err != nil {
		return nil, err
	}
	f.prepare()
	return f, nil
}
