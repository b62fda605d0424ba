package upstream_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

func TestIDToken_IsRefusedForOneBrokenThing(t *testing.T) { // FD-11, SEC-17
	t.Parallel()
	type script = upstreamtest.Script
	claim := func(name string, value any) func(*script) {
		return func(s *script) { s.Claims = func(m map[string]any) { m[name] = value } }
	}
	without := func(name string) func(*script) {
		return func(s *script) { s.Claims = func(m map[string]any) { delete(m, name) } }
	}
	header := func(name string, value any) func(*script) {
		return func(s *script) { s.Header = func(m map[string]any) { m[name] = value } }
	}
	raw := func(change func(string) string) func(*script) { return func(s *script) { s.RawIDToken = change } }
	kid := func(k string) func(*script) { return func(s *script) { s.KeyID = &k } }
	now := time.Now().Unix()
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}

	tests := []struct {
		name   string
		change func(*script)
		reason string // must be in the log text; empty means accepted
	}{
		{"right", func(*script) {}, ""},
		{"RS256", func(s *script) { s.Alg = "RS256" }, ""},
		{"typ absent", func(s *script) { s.Header = func(m map[string]any) { delete(m, "typ") } }, ""},
		{"kid absent, one key", kid(""), ""},
		{"aud an array of us", func(s *script) { s.Claims = func(m map[string]any) { m["aud"] = []any{m["aud"]} } }, ""},
		{"aud an array with azp us", func(s *script) {
			s.Claims = func(m map[string]any) { m["azp"] = m["aud"]; m["aud"] = []any{"other", m["aud"]} }
		}, ""},
		{"at_hash absent", without("at_hash"), ""},
		{"exp a fraction", claim("exp", float64(now)+60.5), ""},
		{"embedded jwk is ignored", header("jwk", jwk), ""},
		{"jku and x5u are ignored", func(s *script) {
			s.Header = func(m map[string]any) {
				m["jku"] = "https://attacker.example/jwks"
				m["x5u"] = "https://attacker.example/c"
			}
		}, ""},

		{"other key, our kid", func(s *script) { s.Stranger = true }, "wrong signature"},
		{"other key, no kid", func(s *script) { s.Stranger = true; k := ""; s.KeyID = &k }, "wrong signature"},
		{"other key with embedded jwk", func(s *script) { s.Stranger = true; header("jwk", jwk)(s) }, "wrong signature"},
		{"unknown kid", kid("ec-99"), "no key"},
		{"kid a number", header("kid", 7), "kid is not a string"},
		{"alg none", func(s *script) { s.Alg = "none" }, "alg"},
		{"alg NonE", func(s *script) { s.Alg = "none"; header("alg", "NonE")(s) }, "alg"},
		{"HS256 with the public key", func(s *script) { s.Alg = "HS256" }, "alg"},
		{"EC key as RS256", header("alg", "RS256"), "no key"},
		{"alg not announced", header("alg", "PS512"), "alg"},
		{"alg missing", func(s *script) { s.Header = func(m map[string]any) { delete(m, "alg") } }, "alg"},
		{"alg a list", header("alg", []string{"ES256"}), "alg"},
		{"crit", header("crit", []string{"exp"}), "crit"},
		{"crit empty", header("crit", []string{}), "crit"},
		{"b64 false", header("b64", false), "b64"},
		{"typ of an access token", header("typ", "at+jwt"), "typ"},
		{"typ of a logout token", header("typ", "logout+jwt"), "typ"},
		{"duplicate alg", func(s *script) {
			s.RawHeader = func(h string) string { return strings.Replace(h, "{", `{"alg":"none",`, 1) }
		}, "stands there twice"},
		{"duplicate sub", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, "{", `{"sub":"admin",`, 1) }
		}, "stands there twice"},
		{"duplicate sub, escaped", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, "{", `{"\u0073ub":"admin",`, 1) }
		}, "stands there twice"},
		{"sub in capitals only", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, `"sub"`, `"SUB"`, 1) }
		}, "sub is missing"},
		{"not UTF-8", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, "Upstream-Subject-1", "\xff", 1) }
		}, "not UTF-8"},
		{"half a surrogate in sub", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, "Upstream-Subject-1", `\ud800`, 1) }
		}, "not text"},
		{"NUL in sub", claim("sub", "a\x00b"), "not text"},
		{"claims an array", func(s *script) { s.RawClaims = func(string) string { return "[]" } }, "no JSON object"},
		{"claims null", func(s *script) { s.RawClaims = func(string) string { return "null" } }, "no JSON object"},
		{"two JSON values", func(s *script) { s.RawClaims = func(c string) string { return c + "{}" } }, "follows the JSON text"},
		{"deep nesting", claim("x", json.RawMessage(strings.Repeat("[", 40)+strings.Repeat("]", 40))), "nested too deeply"},
		{"signature cut off", raw(func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }), "signature"},
		{"two segments", raw(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }), "compact form"},
		{"many dots", raw(func(string) string { return strings.Repeat(".", 60000) }), "compact form"},
		{"line break", raw(func(s string) string { return s[:9] + "\n" + s[9:] }), "compact form"},
		{"JSON serialisation", raw(func(string) string { return `{"payload":"e30","signatures":[]}` }), "compact form"},
		{"too long", claim("x", strings.Repeat("x", 64<<10)), "longer than"},
		{"payload changed after signing", raw(func(s string) string {
			parts := strings.Split(s, ".")
			body, _ := base64.RawURLEncoding.DecodeString(parts[1])
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), "Upstream-Subject-1", "Upstream-Subject-2", 1)))
			return strings.Join(parts, ".")
		}), "wrong signature"},

		{"other iss", claim("iss", "https://attacker.example"), "iss"},
		{"Google's other spelling from another", claim("iss", "accounts.google.com"), "iss"},
		{"iss missing", without("iss"), "iss"},
		{"sub missing", without("sub"), "sub is missing"},
		{"sub empty", claim("sub", ""), "sub is missing"},
		{"sub null", claim("sub", nil), "sub is missing"},
		{"sub a number", claim("sub", 12345), "sub is not a string"},
		{"sub of 256", claim("sub", strings.Repeat("x", 256)), "sub is longer"},
		{"sub of 255", claim("sub", strings.Repeat("x", 255)), ""},
		{"other aud", claim("aud", "other"), "aud"},
		{"aud missing", without("aud"), "aud"},
		{"aud an array of others", claim("aud", []string{"a", "b"}), "aud"},
		{"aud an array with a number", claim("aud", []any{"idp-at-upstream", 7}), "aud"},
		{"aud an array without azp", claim("aud", []string{"idp-at-upstream", "other"}), "azp"},
		{"azp another", claim("azp", "other"), "azp"},
		{"azp empty", claim("azp", ""), "azp"},
		{"exp missing", without("exp"), "exp is missing"},
		{"exp past", claim("exp", now-1), "expired"},
		{"exp a string", claim("exp", "9999999999"), "exp is not a number"},
		{"exp huge", func(s *script) {
			s.RawClaims = func(c string) string { return strings.Replace(c, `"exp":`, `"exp":1e300,"x":`, 1) }
		}, "out of range"},
		{"iat missing", without("iat"), "iat is missing"},
		{"iat in the future", claim("iat", now+90), "future"},
		{"iat a little ahead", claim("iat", now+30), ""},
		{"iat old", claim("iat", now-601), "ago"},
		{"iat nine minutes ago", claim("iat", now-540), ""},
		{"nbf in the future", claim("nbf", now+90), "nbf"},
		{"nonce missing", without("nonce"), "nonce"},
		{"other nonce", claim("nonce", "x"), "nonce"},
		{"at_hash wrong", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"},
		{"at_hash empty", claim("at_hash", ""), "at_hash"},
		{"at_hash null", claim("at_hash", nil), "at_hash"},
		{"auth_time a string", claim("auth_time", "yesterday"), "auth_time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := upstreamtest.NewInProcess(t)
			op.Script(tt.change)
			got, err := signIn(t, op, op.Row("fake"))
			if tt.reason == "" {
				if err != nil {
					t.Errorf("got %v, want it accepted", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("got %+v, want it refused", got)
			}
			e := wantCode(t, err, upstream.CodeFailed)
			if !strings.Contains(e.Err.Error(), tt.reason) {
				t.Errorf("got the reason %v, want one with %q", e.Err, tt.reason)
			}
			if len(e.Err.Error()) > 1000 {
				t.Errorf("the log text has %d bytes", len(e.Err.Error()))
			}
		})
	}
}

func TestIDToken_IsHeldToTheBoundariesOfTime(t *testing.T) { // FD-11
	t.Parallel()
	base := time.Now().Truncate(time.Second)
	tests := []struct {
		name string
		now  time.Time
		ok   bool
	}{
		{"a moment before exp", base.Add(10*time.Second - 1), true},
		{"at exp", base.Add(10 * time.Second), false},
		{"clock as far behind iat as is taken", base.Add(-idp.ClockSkew), true},
		{"clock more behind", base.Add(-idp.ClockSkew - 1), false},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.Script(func(s *upstreamtest.Script) {
			s.Claims = func(m map[string]any) { m["iat"], m["exp"] = base.Unix(), base.Unix()+10 }
		})
		p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		address, pending, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "s"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Finish(t.Context(), pending, op.Authorize(address), tt.now); (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

func TestSubject_IsComparedAsItIs(t *testing.T) { // PS-4, SEC-14
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Row("fake")
	for _, sub := range []string{"Ab", "aB", " Ab", "Ab ", "Äb", "A\u0308b", "ＡＢ"} {
		op.SignIn(upstreamtest.Person{Subject: sub, Email: "same@corp.example", EmailVerified: true, Name: "Same"})
		got, err := signIn(t, op, row)
		if err != nil || got.Subject != sub || got.Issuer != op.Issuer {
			t.Errorf("%q: got %q at %q, %v, want it unchanged", sub, got.Subject, got.Issuer, err)
		}
	}
}

func TestEmailVerified_OnlyTheBooleanTrue(t *testing.T) { // SEC-7
	t.Parallel()
	tests := []struct {
		mark    any
		textToo bool
		want    bool
	}{
		{true, false, true},
		{false, false, false},
		{nil, false, false},
		{"true", false, false},
		{"true", true, true},
		{"True", true, false},
		{"false", true, false},
		{1, true, false},
		{[]bool{true}, true, false},
		{true, true, true},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.SignIn(upstreamtest.Person{Subject: "s", Email: "u@corp.example", EmailVerified: tt.mark, Name: "U"})
		row := op.Row("fake")
		row.EmailVerifiedText, row.TrustEmail = tt.textToo, true
		got, err := signIn(t, op, row)
		if err != nil || got.EmailVerified != tt.want || got.EmailAuthoritative != tt.want {
			t.Errorf("%v (text too: %v): got %v, authoritative %v, %v, want %v", tt.mark, tt.textToo, got.EmailVerified, got.EmailAuthoritative, err, tt.want)
		}
		row.ID, row.TrustEmail = "distrusted", false
		if got, err := signIn(t, op, row); err != nil || got.EmailAuthoritative {
			t.Errorf("%v from an untrusted provider: got authoritative %v, %v, want false", tt.mark, got.EmailAuthoritative, err)
		}
	}
}

func TestEmailAuthoritative_GoogleSpeaksForItsOwnAddressesOnly(t *testing.T) { // SEC-7, SEC-15
	t.Parallel()
	tests := []struct {
		email, hd string
		want      bool
	}{
		{"u@gmail.com", "", true},
		{"u@corp.example", "corp.example", true},
		{"u@corp.example", "", false},
		{"u@gmail.com.evil.example", "", false},
		{"u@notgmail.com", "", false},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.SignIn(upstreamtest.Person{Subject: "s", Email: tt.email, EmailVerified: true, HostedDomain: tt.hd, Name: "U"})
		got, err := signIn(t, op, op.GoogleRow("google"))
		if err != nil || !got.EmailVerified || got.EmailAuthoritative != tt.want {
			t.Errorf("%s hd=%q: got verified %v, authoritative %v, %v, want true, %v", tt.email, tt.hd, got.EmailVerified, got.EmailAuthoritative, err, tt.want)
		}
	}
}

func TestAllowedDomains_AreMatchedExactlyAndOnlyWhenVerified(t *testing.T) { // PS-5
	t.Parallel()
	tests := []struct {
		email string
		mark  any
		want  string
	}{
		{"", nil, upstream.CodeDomainDenied},
		{"", true, upstream.CodeDomainDenied},
		{"u@corp.example", false, upstream.CodeDomainDenied},
		{"u@corp.example", nil, upstream.CodeDomainDenied},
		{"u@corp.example.evil", true, upstream.CodeDomainDenied},
		{"u@sub.corp.example", true, upstream.CodeDomainDenied},
		{"u@xcorp.example", true, upstream.CodeDomainDenied},
		{`"a@corp.example"@evil`, true, upstream.CodeDomainDenied},
		{"u@evil@corp.example", true, upstream.CodeDomainDenied},
		{"u@evil.example\n@corp.example", true, upstream.CodeDomainDenied},
		{"u@CORP.example", true, ""},
		{"u@bücher.example", true, ""},
		{"u@xn--bcher-kva.example", true, ""},
	}
	for _, tt := range tests {
		op := upstreamtest.NewInProcess(t)
		op.SignIn(upstreamtest.Person{Subject: "s", Email: tt.email, EmailVerified: tt.mark, Name: "U"})
		row := op.Row("fake")
		row.AllowedDomains = []string{"Corp.Example", "BÜCHER.example"}
		_, err := signIn(t, op, row)
		if tt.want != "" {
			e := wantCode(t, err, tt.want)
			if strings.Contains(e.Message, "corp") || strings.Contains(e.Message, "evil") {
				t.Errorf("%q: the message tells the rule or the address: %s", tt.email, e.Message)
			}
		} else if err != nil {
			t.Errorf("%q: got %v, want it let in", tt.email, err)
		}
	}
}

func TestHostedDomain_IsEnforcedInTheClaim(t *testing.T) { // FD-11
	t.Parallel()
	for hd, ok := range map[string]bool{"corp.example": true, "": false, "evil.example": false, "corp.example.evil": false, "CORP.example": false} {
		op := upstreamtest.NewInProcess(t)
		op.SignIn(upstreamtest.Person{Subject: "s", Email: "u@corp.example", EmailVerified: true, HostedDomain: hd, Name: "U"})
		row := op.GoogleRow("google")
		row.HostedDomain = "corp.example"
		_, err := signIn(t, op, row)
		if ok {
			if err != nil {
				t.Errorf("%q: got %v, want it let in", hd, err)
			}
			continue
		}
		wantCode(t, err, upstream.CodeDomainDenied)
	}
}
