package upstream_test

import (
	"errors"
	"testing"

	"idp/internal/idp"
	"idp/internal/upstream"
)

func TestIdentities_OneNameIsOnePerson(t *testing.T) { // PS-4, SEC-15
	t.Parallel()
	plain := func(id, issuer, user, subject string) *idp.Provider {
		return &idp.Provider{ID: id, Type: "oauth2", Issuer: issuer, ProviderEndpoints: idp.ProviderEndpoints{UserInfoURL: user, Claims: idp.ClaimMembers{Subject: subject}}}
	}
	const issuer, me = "https://chat.example", "https://chat.example/me"
	oidc := &idp.Provider{ID: "oidc", Type: "oidc", Issuer: issuer}
	for name, tt := range map[string]struct {
		p     *idp.Provider
		row   *idp.Provider
		field string
	}{
		"alone":                         {plain("a", issuer, me, "id"), nil, ""},
		"again":                         {plain("a", issuer, me, "id"), plain("a", issuer, me, "id"), ""},
		"the same accounts twice":       {plain("b", issuer, me, "id"), plain("a", issuer, me, "id"), ""},
		"another team at the same host": {plain("b", issuer, "https://chat.example/b/me", "id"), plain("a", issuer, "https://chat.example/a/me", "id"), "issuer"},
		"with an issuer of its own":     {plain("b", issuer+"/b", "https://chat.example/b/me", "id"), plain("a", issuer, "https://chat.example/a/me", "id"), ""},
		"another member":                {plain("b", issuer, me, "login"), plain("a", issuer, me, "id"), "issuer"},
		"beside OpenID Connect":         {plain("b", issuer, me, "id"), oidc, "issuer"},
		"OpenID Connect beside it":      {oidc, plain("a", issuer, me, "id"), "issuer"},
		"the member is changed":         {plain("a", issuer, me, "login"), plain("a", issuer, me, "id"), "claims.subject"},
		"and the issuer with it":        {plain("a", issuer+"/2", me, "login"), plain("a", issuer, me, "id"), ""},
		"the API has a new version":     {plain("a", issuer, me+"/v2", "id"), plain("a", issuer, me, "id"), ""},
		"two of OpenID Connect":         {&idp.Provider{ID: "x", Type: "oidc", Issuer: issuer}, oidc, ""},
	} {
		var rows []*idp.Provider
		if tt.row != nil {
			rows = append(rows, tt.row)
		}
		err := upstream.CheckIdentities(tt.p, rows)
		var e *idp.Error
		if errors.As(err, &e); err != nil && tt.field == "" || tt.field != "" && (e == nil || e.Field != tt.field) {
			t.Errorf("%s: got %v, want a fault of %q", name, err, tt.field)
		}
	}
}
