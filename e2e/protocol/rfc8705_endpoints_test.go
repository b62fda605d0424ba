package protocol

// RFC 8705 §2: clients with certificates at each endpoint that asks who they are, on TLS that this server ends.

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idp/e2e/server"
)

func TestMTLS_EveryEndpointAsksForTheCertificate(t *testing.T) { // RFC 8705 §2, §5; RFC 9126 §2; RFC 8628 §3.1; CIBA §7.1
	t.Parallel()
	a, folder := newAuthority(t), t.TempDir()
	issued := a.client(&x509.Certificate{Subject: pkix.Name{CommonName: "issued"}, DNSNames: []string{"app.example"}})
	stranger := a.client(&x509.Certificate{Subject: pkix.Name{CommonName: "stranger"}, DNSNames: []string{"other.example"}})
	self := (&authority{t: t}).issue(&x509.Certificate{Subject: pkix.Name{CommonName: "self"}})
	grants := `[authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba"]`
	var seed strings.Builder
	seed.WriteString("clients:\n")
	for id, lines := range map[string]string{
		"self": "token_endpoint_auth_methods: [self_signed_tls_client_auth]\n    jwks: " + x5c(t, self), "issued": "token_endpoint_auth_methods: [tls_client_auth]\n    tls_client_auth_san_dns: app.example",
	} {
		seed.WriteString("  - client_id: " + id + "\n    client_name: " + id + "\n    grant_types: " + grants + "\n    scopes: [openid, offline_access]\n    redirect_uris: [https://app.example/cb]\n" +
			"    require_pushed_authorization_requests: true\n    tls_client_certificate_bound_access_tokens: true\n    backchannel_token_delivery_mode: poll\n    " + lines + "\n")
	}
	s := secured(t, a, folder, server.Seed(strings.Replace(server.SeedText(), "clients:\n", seed.String(), 1)),
		server.Set("IDP_MTLS__CERTIFICATES", "tls"), server.Set("IDP_MTLS__CA_FILE", filepath.Join(folder, "ca.pem")), server.Set("IDP_MTLS__URL", "https://mtls.localhost"))
	aliases, _ := s.meta["mtls_endpoint_aliases"].(map[string]any)
	// as is the site as a client with a certificate meets it.
	as := func(cert *tls.Certificate) *site {
		with := s.over(t, a, cert)
		for name, address := range aliases {
			with.meta[name] = address
		}
		return with
	}
	for id, good := range map[string]*tls.Certificate{"self": self, "issued": issued} {
		c := server.Client{ID: id, Redirect: "https://app.example/cb"}
		u := s.user(t)
		asks := map[string][]string{
			"pushed_authorization_request_endpoint": flat(s.browser(t).azForm(c)), "device_authorization_endpoint": {"scope", "openid"},
			"backchannel_authentication_endpoint": {"scope", "openid", "login_hint", u.Email}, "introspection_endpoint": {"token", "x"}, "revocation_endpoint": {"token", "x"},
		}
		answered := map[string]*answer{}
		for name, pairs := range asks {
			if answered[name] = as(good).form(t, name, named(c), pairs...); !slices.Contains([]int{http.StatusOK, http.StatusCreated}, answered[name].status) {
				t.Errorf("%s at %s: %d %s", id, name, answered[name].status, answered[name].body)
			}
			for what, wrong := range map[string]*tls.Certificate{"another's": stranger, "none": nil} {
				if a := as(wrong).form(t, name, named(c), pairs...); a.status != http.StatusUnauthorized || a.str("error") != "invalid_client" {
					t.Errorf("%s at %s with the certificate %s: %d %s, want 401 invalid_client", id, name, what, a.status, a.body)
				}
			}
			// The issuer's own host asks nobody for a certificate.
			with := s.over(t, a, good)
			with.meta[name] = s.meta[name]
			with.form(t, name, named(c), pairs...).wantError(http.StatusUnauthorized, "invalid_client")
		}
		for grant, pair := range map[string][2]string{
			grantDevice: {"device_code", answered["device_authorization_endpoint"].str("device_code")}, grantCIBA: {"auth_req_id", answered["backchannel_authentication_endpoint"].str("auth_req_id")},
		} {
			poll := []string{"grant_type", grant, pair[0], pair[1]}
			as(stranger).token(t, named(c), poll...).wantError(http.StatusUnauthorized, "invalid_client")
			as(nil).token(t, named(c), poll...).wantError(http.StatusUnauthorized, "invalid_client")
			as(good).token(t, named(c), poll...).wantError(http.StatusBadRequest, "authorization_pending")
		}
		// What was pushed with the certificate is redeemed with it, and the token opens nothing without it.
		b := as(nil).browser(t)
		pushed := as(good).form(t, "pushed_authorization_request_endpoint", named(c), flat(b.azForm(c, "scope", "openid offline_access"))...).want(http.StatusCreated)
		p := b.open(b.pushedURL(c, pushed.str("request_uri")))
		p.asked = b.asked
		g := p.through(u).wantCode()
		redeem := []string{"grant_type", "authorization_code", "code", g.code, "redirect_uri", g.redirect, "code_verifier", g.verifier}
		as(stranger).token(t, named(c), redeem...).wantError(http.StatusUnauthorized, "invalid_client")
		got := as(good).token(t, named(c), redeem...).tokens()
		as(good).userInfo(t, got.access).want(http.StatusOK)
		as(stranger).userInfo(t, got.access).want(http.StatusUnauthorized)
		as(nil).userInfo(t, got.access).want(http.StatusUnauthorized)
		as(good).token(t, named(c), "grant_type", "refresh_token", "refresh_token", got.refresh).tokens()
		as(nil).token(t, named(c), "grant_type", "refresh_token", "refresh_token", got.refresh).wantError(http.StatusUnauthorized, "invalid_client")
	}
}
