package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// FuzzForeignHeaders: no header that says where a request came from, or what its sender speaks, takes or is, makes an answer fail, and none changes
// where this server says that it is; not even those of a trusted proxy, which may speak for the sender's address alone (SEC-9).
func FuzzForeignHeaders(f *testing.F) {
	s := newSite(f, func(o *options) { o.starts, o.proxies = 1_000_000, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	const document = "/.well-known/openid-configuration"
	plain := s.browser().send(http.MethodGet, s.issuer+document, nil).body
	f.Fuzz(func(t *testing.T, forwarded, host, proto, other string) {
		s.t = t
		for _, remote := range []string{"10.0.0.9:1", "198.51.100.7:1"} {
			for _, path := range []string{document, "/login", "/nowhere", strings.TrimPrefix(s.az(), s.issuer), "/oauth2/userinfo", "/static/none.css"} {
				r := httptest.NewRequest(http.MethodGet, s.issuer+path, nil)
				r.RemoteAddr = remote
				for name, value := range map[string]string{
					"Forwarded": forwarded, "X-Forwarded-For": forwarded, "X-Real-Ip": forwarded, "X-Forwarded-Host": host, "X-Forwarded-Port": host, "X-Host": host,
					"X-Forwarded-Proto": proto, "X-Forwarded-Scheme": proto, "X-Forwarded-Prefix": proto, "X-Original-Url": proto, "X-Http-Method-Override": proto,
					"Accept": other, "Accept-Language": other, "User-Agent": other, "X-Request-Id": other, "Origin": other, "Cookie": other, "If-None-Match": other,
					"Sec-Fetch-Site": other, "Content-Type": other, "Dpop": other, "Range": other,
				} {
					r.Header[name] = []string{value}
				}
				rec := httptest.NewRecorder()
				s.handler.ServeHTTP(rec, r)
				to := rec.Header().Get("Location")
				if rec.Code >= 500 || rec.Code < 200 || to != "" && !strings.HasPrefix(to, s.issuer+"/") && !strings.HasPrefix(to, "/login") {
					t.Fatalf("%s from %s: status %d, Location %q", path, remote, rec.Code, to)
				}
				if path == document && rec.Code == http.StatusOK && rec.Body.String() != plain {
					t.Fatalf("%s from %s is another document: %s", path, remote, rec.Body)
				}
				for name, values := range rec.Header() {
					if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
						t.Fatalf("%s from %s: the header %s is %q", path, remote, name, values)
					}
				}
				for _, cookie := range rec.Header().Values("Set-Cookie") {
					if !strings.Contains(cookie, "Secure") || !strings.HasPrefix(cookie, "__Host-") {
						t.Fatalf("%s from %s: the cookie %s is not bound to this host over TLS", path, remote, cookie)
					}
				}
			}
		}
	})
}
