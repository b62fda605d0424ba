package upstreamtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ServeHTTP implements http.Handler.
func (op *OP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	op.counts[r.URL.Path]++
	script := op.script
	op.mu.Unlock()
	if slices.Contains(script.Hang, r.URL.Path) {
		select {
		case <-r.Context().Done():
		case <-op.closing:
		}
		return
	}
	if to := script.Redirect[r.URL.Path]; to != "" {
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return
	}
	if raw, ok := script.Raw[r.URL.Path]; ok {
		raw.write(w)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		op.discovery(w, script)
	case "/jwks":
		op.jwks(w, script)
	case "/authorize":
		op.authorize(w, r)
	case "/token":
		op.token(w, r, script)
	case "/userinfo":
		op.userinfo(w, r, script)
	case "/emails":
		op.emails(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (op *OP) discovery(w http.ResponseWriter, script Script) {
	doc := map[string]any{
		"issuer": op.Issuer, "authorization_endpoint": op.Issuer + "/authorize", "token_endpoint": op.Issuer + "/token",
		"jwks_uri": op.Issuer + "/jwks", "userinfo_endpoint": op.Issuer + "/userinfo",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"scopes_supported": []string{"openid", "email", "profile"}, "code_challenge_methods_supported": []string{"S256"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	}
	if script.AnnounceIss {
		doc["authorization_response_iss_parameter_supported"] = true
	}
	answer(w, script.DiscoveryStatus, script.Discovery, doc)
}

func (op *OP) jwks(w http.ResponseWriter, script Script) {
	if script.JWKSPadding > 0 {
		blank := []byte(strings.Repeat(" ", 64<<10))
		for sent := 0; sent < script.JWKSPadding; sent += len(blank) {
			n, err := w.Write(blank)
			op.mu.Lock()
			op.bytesSent += int64(n)
			op.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
	answer(w, script.JWKSStatus, script.JWKS, map[string]any{"keys": op.publicKeys()})
}

func (op *OP) token(w http.ResponseWriter, r *http.Request, script Script) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	refuse := func(status int, code string) {
		answer(w, status, nil, map[string]any{"error": code, "error_description": script.TokenDescription})
	}
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749 §2.3.1: both are form-encoded first
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	op.mu.Lock()
	op.tokenRequests = append(op.tokenRequests, TokenRequest{Form: r.PostForm, Basic: basic})
	g := op.codes[r.PostForm.Get("code")]
	spent := g == nil || g.used
	if g != nil {
		g.used = true
	}
	op.mu.Unlock()

	if script.TokenError != "" || script.TokenStatus != 0 {
		status := script.TokenStatus
		if status == 0 {
			status = http.StatusBadRequest
		}
		refuse(status, script.TokenError)
		return
	}
	if id != op.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(op.ClientSecret)) != 1 {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	if spent || r.PostForm.Get("grant_type") != "authorization_code" || r.PostForm.Get("redirect_uri") != g.request.Get("redirect_uri") || !proved(r.PostForm, g.request) {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	accessToken := rand.Text()
	op.mu.Lock()
	op.accessTokens[accessToken] = g
	op.mu.Unlock()
	tokens := map[string]any{"access_token": accessToken, "token_type": "Bearer", "expires_in": 300}
	if !script.Plain {
		tokens["id_token"] = op.idToken(script, g, accessToken, time.Now())
	}
	answer(w, 0, script.Token, tokens)
}

// proved is the comparison of RFC 7636 §4.6; without a challenge there must be no verifier.
func proved(form, request url.Values) bool {
	if !request.Has("code_challenge") {
		return !form.Has("code_verifier")
	}
	challenge := sha256.Sum256([]byte(form.Get("code_verifier")))
	return base64.RawURLEncoding.EncodeToString(challenge[:]) == request.Get("code_challenge")
}

func (op *OP) userinfo(w http.ResponseWriter, r *http.Request, script Script) {
	g := op.bearer(w, r)
	if g == nil {
		return
	}
	claims := personClaims(g.person)
	claims["sub"] = g.person.Subject
	if script.Plain {
		claims = plainUser(g.person)
	}
	answer(w, script.UserInfoStatus, script.UserInfo, claims)
}

// bearer returns who gave the access token of a request, or answers that there is none.
func (op *OP) bearer(w http.ResponseWriter, r *http.Request) *grant {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	op.mu.Lock()
	g := op.accessTokens[token]
	op.mu.Unlock()
	if g == nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	return g
}

// answer writes a JSON document after the script has changed it.
func answer(w http.ResponseWriter, status int, change func(map[string]any), doc map[string]any) {
	if change != nil {
		change(doc)
	}
	w.Header().Set("Content-Type", "application/json")
	if status != 0 {
		w.WriteHeader(status)
	}
	_ = json.NewEncoder(w).Encode(doc)
}
