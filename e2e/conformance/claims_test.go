package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// checkStandardClaims checks the form of every standard claim that is there (OpenID Connect Core §5.1), and that none is null or empty.
func checkStandardClaims(r *run, where string, claims map[string]any) {
	r.Helper()
	for name, value := range claims {
		if value == nil || value == "" {
			r.failure("%s has %s = %#v: what has no value is left out", where, name, value)
			continue
		}
		switch name {
		case "sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number":
			if _, ok := value.(string); !ok {
				r.failure("%s has %s = %#v, want a text", where, name, value)
			}
		case "profile", "picture", "website":
			text, _ := value.(string)
			if u, err := url.Parse(text); err != nil || !u.IsAbs() || u.Host == "" {
				r.failure("%s has %s = %#v, want an address", where, name, value)
			}
		case "email_verified", "phone_number_verified":
			if _, ok := value.(bool); !ok {
				r.failure("%s has %s = %#v, want true or false", where, name, value)
			}
		case "updated_at":
			if n, ok := value.(json.Number); !ok || strings.ContainsAny(string(n), ".eE") {
				r.failure("%s has updated_at = %#v, want a whole number", where, value)
			}
		case "address":
			members, ok := value.(map[string]any)
			if !ok {
				r.failure("%s has address = %#v, want an object", where, value)
			}
			for member, value := range members {
				if text, ok := value.(string); !ok || text == "" {
					r.failure("%s has address.%s = %#v, want a text", where, member, value)
				}
			}
		}
	}
	if date, ok := claims["birthdate"].(string); ok && !birthdates.MatchString(date) {
		r.failure("%s has birthdate = %q, want YYYY-MM-DD or YYYY", where, date)
	}
}

var birthdates = regexp.MustCompile(`^\d{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$`)

// scopeClaims are the claims of each scope (OpenID Connect Core §5.4).
var scopeClaims = map[string][]string{
	"profile": strings.Fields("name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at"),
	"email":   {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
}

// checkUserInfo checks what UserInfo says against the ID tokens.
func (f flow) checkUserInfo(info *answer) {
	f.Helper()
	f.wantJSON(info)
	checkStandardClaims(f.run, "UserInfo", info.json)
	if info.str("sub") == "" {
		f.failure("UserInfo has no sub")
	}
	for _, token := range f.idTokens() {
		if info.json["sub"] != token.claims["sub"] { // OpenID Connect Core §5.3.2
			f.failure("UserInfo is about %v, the ID token about %v", info.json["sub"], token.claims["sub"])
		}
	}
}

func (r *run) wantScopes(where string, claims map[string]any, scope string) {
	r.Helper()
	asked := strings.Fields(scope)
	for _, one := range asked {
		for _, name := range scopeClaims[one] {
			if claims[name] == nil {
				r.warning("%s has no %s although the scope %s was asked for", where, name, one)
			}
		}
	}
	for one, names := range scopeClaims {
		for _, name := range names {
			if !slices.Contains(asked, one) && claims[name] != nil {
				r.warning("%s has %s although the scope %s was not asked for", where, name, one)
			}
		}
	}
}

// playScope asks for scopes, and wants their claims in UserInfo, or in the ID token where there is no access token.
func playScope(scope string) func(*run) {
	return func(r *run) {
		p := r.first()
		for one := range strings.FieldsSeq(scope) {
			if !r.op.lists("scopes_supported", one) {
				r.skip("scopes_supported does not have " + one)
				return
			}
		}
		p.scope = scope
		f := p.authorize().complete()
		if f.access == "" {
			r.wantScopes("the ID token", f.front.claims, scope)
			return
		}
		info := p.userInfo(f.access)
		f.checkUserInfo(info)
		r.wantScopes("UserInfo", info.json, scope)
		for _, token := range f.idTokens() { // OpenID Connect Core §5.4
			for _, names := range scopeClaims {
				for _, name := range names {
					if token.claims[name] != nil {
						r.warning("the ID token has %s although there is an access token", name)
					}
				}
			}
		}
	}
}

// playUserInfo asks UserInfo by a method, with the token in the header or in the body.
func playUserInfo(method string, header bool) func(*run) {
	return func(r *run) {
		f := r.first().authorize().complete()
		var form url.Values
		if !header {
			form = url.Values{"access_token": {f.access}}
		}
		req := r.request(method, r.op.endpoint("userinfo_endpoint"), form)
		if header {
			req.Header.Set("Authorization", "Bearer "+f.access)
		}
		info := r.call(req, nil)
		switch {
		case info.status == http.StatusOK:
			f.checkUserInfo(info)
		case header:
			r.failure("%s: %d %s", info.what, info.status, info.body)
		default:
			r.warning("%s with the token in the body: %d %s", info.what, info.status, info.body)
		}
	}
}

func playClaimsEssential(r *run) {
	p := r.first()
	where := "userinfo"
	if r.responseType == "id_token" {
		where = "id_token"
	}
	f := p.authorize("claims", `{"`+where+`":{"name":{"essential":true}}}`).complete()
	if f.access == "" {
		if f.front.str("name") == "" {
			r.warning("the ID token has no name although it was asked for")
		}
		return
	}
	info := p.userInfo(f.access)
	f.checkUserInfo(info)
	if info.str("name") == "" {
		r.warning("UserInfo has no name although it was asked for")
	}
	for _, token := range f.idTokens() {
		if token.claims["name"] != nil {
			r.warning("the ID token has a name, which was asked for in UserInfo")
		}
	}
}

// playACRValues asks for all that the server says it can do.
func playACRValues(r *run) {
	var values []string
	list, _ := r.op.meta["acr_values_supported"].([]any)
	for _, one := range list {
		if text, ok := one.(string); ok {
			values = append(values, text)
		}
	}
	if len(values) == 0 { // the suite asks for 1 and 2 then, of which nobody's ID token has one
		r.warning("acr_values_supported has nothing")
	}
	f := r.first().authorize("acr_values", strings.Join(values, " ")).complete()
	for _, token := range f.idTokens() {
		if !slices.Contains(values, token.str("acr")) {
			r.warning("acr = %v, want one of %q", token.claims["acr"], values)
		}
	}
}
