package sampleapp

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

//go:embed page.html style.css
var files embed.FS

// Config is what the application was told when it was registered.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	BaseURL      string // of the application, such as http://localhost:8090
	HTTPClient   *http.Client
}

// CallbackPath is where the provider sends the browser back to.
const CallbackPath = "/callback"

// App is the application. Its sessions live in memory: they are gone when it stops.
type App struct {
	Config
	page *template.Template

	mu       sync.Mutex
	provider *oidc.Provider // found at the first request: the provider starts at the same time as we do
	visits   map[string]*visit
}

// visit is one browser's session.
type visit struct {
	state, nonce, verifier string
	token                  *oauth2.Token
	IDToken                string // the claims, as readable JSON
	UserInfo               string
	Refreshed              int
	Failure                string
	idToken                string
	seen                   time.Time
}

const (
	visitsMost = 1000
	cookieName = "sample_app"
)

// New returns the application.
func New(c Config) (*App, error) {
	page, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("sample application: %w", err)
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	return &App{Config: c, page: page, visits: map[string]*visit{}}, nil
}

// Handler serves the application.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("POST /sign-in", a.signIn)
	mux.HandleFunc("GET "+CallbackPath, a.callback)
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /sign-out", a.signOut)
	mux.Handle("GET /style.css", http.FileServerFS(files))
	return http.NewCrossOriginProtection().Handler(mux)
}

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	v := a.visitOf(w, r)
	var b bytes.Buffer
	err := a.page.Execute(&b, struct {
		*visit
		Config
		SignedIn bool
	}{v, a.Config, v.token != nil})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

// oauth returns the client configuration, from discovery.
func (a *App) oauth(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider == nil {
		// The provider outlives this request, so its key set must not be tied to the request's context.
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.HTTPClient), a.Issuer)
		if err != nil {
			return nil, nil, err
		}
		a.provider = p
	}
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: a.provider.Endpoint(), RedirectURL: a.BaseURL + CallbackPath,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}, a.provider, nil
}

func (a *App) signIn(w http.ResponseWriter, r *http.Request) {
	v := a.visitOf(w, r)
	conf, _, err := a.oauth(r.Context())
	if err != nil {
		a.fail(w, r, v, err)
		return
	}
	v.state, v.nonce, v.verifier, v.Failure = rand.Text(), rand.Text(), oauth2.GenerateVerifier(), ""
	http.Redirect(w, r, conf.AuthCodeURL(v.state, oidc.Nonce(v.nonce), oauth2.S256ChallengeOption(v.verifier)), http.StatusSeeOther)
}

func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	v, q := a.visitOf(w, r), r.URL.Query()
	state := v.state
	v.state = ""
	switch {
	case state == "" || q.Get("state") != state:
		a.fail(w, r, v, fmt.Errorf("the answer does not belong to a sign-in of this browser"))
		return
	case q.Get("iss") != a.Issuer: // RFC 9207: from nobody else
		a.fail(w, r, v, fmt.Errorf("the answer comes from another issuer"))
		return
	case q.Get("error") != "":
		a.fail(w, r, v, fmt.Errorf("%s: %s", q.Get("error"), q.Get("error_description")))
		return
	}
	ctx := oidc.ClientContext(r.Context(), a.HTTPClient)
	conf, provider, err := a.oauth(ctx)
	if err != nil {
		a.fail(w, r, v, err)
		return
	}
	token, err := conf.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(v.verifier))
	if err == nil {
		err = a.read(ctx, provider, v, token, v.nonce)
	}
	if err != nil {
		a.fail(w, r, v, err)
		return
	}
	v.Refreshed = 0
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// read verifies the ID token and asks UserInfo.
func (a *App) read(ctx context.Context, provider *oidc.Provider, v *visit, token *oauth2.Token, nonce string) error {
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: a.ClientID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	if nonce != "" && id.Nonce != nonce {
		return fmt.Errorf("the ID token was made for another sign-in")
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		return err
	}
	var claims, info map[string]any
	if err := id.Claims(&claims); err != nil {
		return err
	}
	user, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	if err := user.Claims(&info); err != nil {
		return err
	}
	if user.Subject != id.Subject {
		return fmt.Errorf("UserInfo speaks of somebody else")
	}
	v.token, v.idToken, v.IDToken, v.UserInfo, v.Failure = token, raw, readable(claims), readable(info), ""
	return nil
}

func readable(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	v := a.visitOf(w, r)
	ctx := oidc.ClientContext(r.Context(), a.HTTPClient)
	conf, provider, err := a.oauth(ctx)
	if err != nil || v.token == nil {
		a.fail(w, r, v, err)
		return
	}
	token, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: v.token.RefreshToken}).Token()
	if err == nil {
		err = a.read(ctx, provider, v, token, "")
	}
	if err != nil {
		a.fail(w, r, v, err)
		return
	}
	v.Refreshed++
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// signOut forgets the browser here and ends the session at the provider (RP-Initiated Logout).
func (a *App) signOut(w http.ResponseWriter, r *http.Request) {
	v := a.visitOf(w, r)
	var end struct {
		Endpoint string `json:"end_session_endpoint"`
	}
	_, provider, err := a.oauth(r.Context())
	if err == nil {
		err = provider.Claims(&end)
	}
	if err != nil {
		a.fail(w, r, v, err)
		return
	}
	hint := v.idToken
	a.mu.Lock()
	*v = visit{seen: time.Now()}
	a.mu.Unlock()
	http.Redirect(w, r, end.Endpoint+"?"+logoutQuery(hint, a.BaseURL+"/"), http.StatusSeeOther)
}

func (a *App) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	if err != nil {
		v.Failure = err.Error()
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// visitOf returns the browser's session, a new one if it has none.
func (a *App) visitOf(w http.ResponseWriter, r *http.Request) *visit {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, err := r.Cookie(cookieName); err == nil {
		if v := a.visits[c.Value]; v != nil {
			v.seen = time.Now()
			return v
		}
	}
	if len(a.visits) >= visitsMost {
		clear(a.visits)
	}
	id, v := rand.Text(), &visit{seen: time.Now()}
	a.visits[id] = v
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return v
}
