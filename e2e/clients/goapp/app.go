// Package goapp is a web application whose people sign in with coreos/go-oidc and golang.org/x/oauth2.
package goapp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is what the application was given when it was registered.
type Config struct {
	Issuer, ClientID, ClientSecret string
	Home                           string // where it runs
	Scopes                         []string
	PKCE                           bool
	HTTP                           *http.Client
}

// App is the application.
type App struct {
	*http.ServeMux
	config   oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	server   struct {
		EndSession string `json:"end_session_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	home string
	pkce bool
	http *http.Client

	mu       sync.Mutex
	sessions map[string]*session
}

type session struct {
	state, nonce, verifier string
	token                  *oauth2.Token
	idToken                string
	user                   map[string]any
}

// New reads the discovery document and returns the application.
func New(ctx context.Context, c Config) (*App, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.HTTP), c.Issuer)
	if err != nil {
		return nil, err
	}
	a := &App{
		ServeMux: http.NewServeMux(), provider: provider, home: c.Home, pkce: c.PKCE, http: c.HTTP, sessions: map[string]*session{},
		verifier: provider.Verifier(&oidc.Config{ClientID: c.ClientID}),
		config: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: provider.Endpoint(),
			RedirectURL: c.Home + "/callback", Scopes: c.Scopes,
		},
	}
	if err := provider.Claims(&a.server); err != nil {
		return nil, err
	}
	for path, handle := range map[string]func(http.ResponseWriter, *http.Request, *session){
		"/login": a.login, "/callback": a.callback, "/me": a.me, "/userinfo": a.userinfo, "/refresh": a.refresh, "/logout": a.logout,
	} {
		a.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			handle(w, r.WithContext(oidc.ClientContext(r.Context(), c.HTTP)), a.session(w, r))
		})
	}
	a.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "message", "You are signed out.") })
	return a, nil
}

func (a *App) login(w http.ResponseWriter, r *http.Request, s *session) {
	s.state, s.nonce = rand.Text(), rand.Text()
	options := []oauth2.AuthCodeOption{oidc.Nonce(s.nonce)}
	if a.pkce {
		s.verifier = oauth2.GenerateVerifier()
		options = append(options, oauth2.S256ChallengeOption(s.verifier))
	}
	http.Redirect(w, r, a.config.AuthCodeURL(s.state, options...), http.StatusFound)
}

func (a *App) callback(w http.ResponseWriter, r *http.Request, s *session) {
	query := r.URL.Query()
	if s.state == "" || query.Get("state") != s.state {
		answer(w, 400, "error", "state")
		return
	}
	if code := query.Get("error"); code != "" {
		answer(w, 403, "error", code, "message", "You are not signed in: "+code)
		return
	}
	var options []oauth2.AuthCodeOption
	if a.pkce {
		options = append(options, oauth2.VerifierOption(s.verifier))
	}
	token, err := a.config.Exchange(r.Context(), query.Get("code"), options...)
	if err == nil {
		err = a.keep(r.Context(), s, token)
	}
	if err != nil {
		answer(w, 500, "error", "exchange", "message", err.Error())
		return
	}
	http.Redirect(w, r, "/me", http.StatusFound)
}

// keep verifies the ID token, if there is one, and keeps both. A refresh may bring a new ID token, without a nonce.
func (a *App) keep(ctx context.Context, s *session, token *oauth2.Token) error {
	raw, ok := token.Extra("id_token").(string)
	if !ok && s.idToken == "" {
		return errors.New("the token response has no ID token")
	}
	if ok {
		idToken, err := a.verifier.Verify(ctx, raw)
		if err != nil {
			return err
		}
		if idToken.Nonce != s.nonce && (idToken.Nonce != "" || s.idToken == "") {
			return errors.New("the ID token has another nonce")
		}
		if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
			return err
		}
		if err := idToken.Claims(&s.user); err != nil {
			return err
		}
		s.idToken = raw
	}
	s.token = token
	return nil
}

func (a *App) me(w http.ResponseWriter, _ *http.Request, s *session) {
	if s.token == nil {
		answer(w, 200, "user", nil)
		return
	}
	answer(w, 200, "user", s.user, "token", map[string]any{
		"access_token": s.token.AccessToken, "token_type": s.token.TokenType, "refresh_token": s.token.RefreshToken,
		"id_token": s.idToken, "scope": s.token.Extra("scope"), "expires_in": s.token.Extra("expires_in"),
	})
}

func (a *App) userinfo(w http.ResponseWriter, r *http.Request, s *session) {
	var claims map[string]any
	info, err := a.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(s.token))
	if err == nil {
		err = info.Claims(&claims)
	}
	if err != nil {
		status, _, _ := strings.Cut(err.Error(), " ") // go-oidc says it in words only: "401 Unauthorized: …"
		answer(w, 200, "status", json.RawMessage(status))
		return
	}
	answer(w, 200, "claims", claims)
}

// refresh says of the token that it has run out, so that x/oauth2 refreshes it.
func (a *App) refresh(w http.ResponseWriter, r *http.Request, s *session) {
	old := *s.token
	old.Expiry = time.Unix(1, 0)
	token, err := a.config.TokenSource(r.Context(), &old).Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		answer(w, 200, "error", refused.ErrorCode)
		return
	}
	if err == nil {
		err = a.keep(r.Context(), s, token)
	}
	if err != nil {
		answer(w, 500, "error", "refresh", "message", err.Error())
		return
	}
	answer(w, 200, "error", "")
}

// logout revokes the refresh token, forgets the session and sends the person to the provider, to be signed out there too.
func (a *App) logout(w http.ResponseWriter, r *http.Request, s *session) {
	form := url.Values{"token": {s.token.RefreshToken}, "token_type_hint": {"refresh_token"}}
	hint := s.idToken
	*s = session{}
	revoke, err := http.NewRequestWithContext(r.Context(), http.MethodPost, a.server.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		answer(w, 500, "error", "logout", "message", err.Error())
		return
	}
	revoke.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	revoke.SetBasicAuth(a.config.ClientID, a.config.ClientSecret)
	res, err := a.http.Do(revoke)
	if err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusOK {
		answer(w, 500, "error", "logout", "message", "The provider did not revoke the token.")
		return
	}
	query := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {a.home + "/bye"}}
	http.Redirect(w, r, a.server.EndSession+"?"+query.Encode(), http.StatusFound)
}

// session returns the browser's session; it begins one where there is none.
func (a *App) session(w http.ResponseWriter, r *http.Request) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, err := r.Cookie("app"); err == nil && a.sessions[c.Value] != nil {
		return a.sessions[c.Value]
	}
	id := rand.Text()
	a.sessions[id] = &session{}
	http.SetCookie(w, &http.Cookie{Name: "app", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return a.sessions[id]
}

// answer writes a JSON object of names and values.
func answer(w http.ResponseWriter, status int, pairs ...any) {
	object := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		object[pairs[i].(string)] = pairs[i+1]
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // the browser may have left
}
