package clients

import (
	"net/url"
	"testing"
)

// Scopes that the applications ask for, in an order that nobody sorts.
const usualScope = "openid email profile offline_access"

// variant is one way to set up an application of a library.
type variant struct {
	library, name string
	callback      string // the path of its redirect URI
	public        bool   // no secret
	pkce          bool
	idTokenAlg    string // "" for RS256
	signatures    bool   // openid-client: verify the signature of an ID token, too
	strict        bool   // openid-client: pushed requests, private_key_jwt, DPoP
	signed        bool   // and signed requests and answers
	scope         string // "" for the usual one, "none" for none
}

// id is the variant's client_id.
func (v variant) id() string { return v.library + "-" + v.name }

// scopes returns what the variant asks for.
func (v variant) scopes() string {
	switch v.scope {
	case "":
		return usualScope
	case "none":
		return ""
	}
	return v.scope
}

// plain is every library as a confidential client without PKCE: what works everywhere.
func plain() []variant {
	return []variant{
		{library: "go-oidc", name: "plain", callback: "/callback"},
		{library: "openid-client", name: "plain", callback: "/callback"},
		{library: "authlib", name: "plain", callback: "/callback"},
		{library: "flask-dance", name: "plain", callback: "/login/idp/authorized"},
		{library: "social-core", name: "plain", callback: "/complete/oidc/"},
	}
}

// all is plain, with PKCE and as public clients where the library's version has that, and a few odd ones.
func all() []variant {
	list := plain()
	for _, library := range []string{"go-oidc", "openid-client", "authlib"} {
		list = append(list,
			variant{library: library, name: "pkce", callback: "/callback", pkce: true},
			variant{library: library, name: "public", callback: "/callback", pkce: true, public: true})
	}
	return append(append(list, es256()...),
		variant{library: "openid-client", name: "signatures", callback: "/callback", pkce: true, signatures: true},
		variant{library: "flask-dance", name: "order", callback: "/login/idp/authorized", scope: "profile offline_access email openid"},
		variant{library: "flask-dance", name: "noscope", callback: "/login/idp/authorized", scope: "none"})
}

// es256 is who takes ID tokens that are signed with ES256 because the discovery document says so. social-core does not.
func es256() []variant {
	return []variant{
		{library: "go-oidc", name: "es256", callback: "/callback", idTokenAlg: "ES256"},
		{library: "authlib", name: "es256", callback: "/callback", idTokenAlg: "ES256"},
	}
}

// forEach runs a story with the shared application of each variant.
func forEach(t *testing.T, list []variant, story func(t *testing.T, a *app)) {
	t.Helper()
	for _, v := range list {
		t.Run(v.id(), func(t *testing.T) {
			t.Parallel()
			story(t, suite.site.app(t, v.id()))
		})
	}
}

// app is a running application.
type app struct {
	variant
	site *site
	home string
	log  *tail
	wire *wire // what a Go application received; nil for the others
}

func (a *app) redirectURIs() []string {
	uris := []string{a.home + a.callback}
	if a.library == "authlib" {
		uris = append(uris, a.home+"/login/oauthresponse/idp?next="+url.QueryEscape("/"))
	}
	return uris
}
