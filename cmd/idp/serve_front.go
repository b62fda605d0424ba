package main

import (
	"net/http"
	"net/url"

	"idp/internal/auth"
	"idp/internal/handlers/pages"
	"idp/internal/handlers/ui"
	"idp/internal/interaction"
	"idp/internal/oauth"
)

// buildFront assembles what answers requests: the protocol, the pages, the admin API, and the frame around them.
func (s *server) buildFront() error {
	c := s.config
	look, err := ui.New(ui.Config{
		Brand: ui.Brand{Name: c.Brand.Name, Accent: c.Brand.Accent, LogoURL: c.Brand.Logo},
		Dev:   c.Dev, TemplateDir: c.Brand.ThemeDir, AssetPrefix: "/static/", BasePath: issuerPath(c.Issuer), Log: s.logger,
	})
	if err != nil {
		return err
	}
	interactions := interaction.New(interaction.Config{Store: s.store, Issuer: c.Issuer})
	front, err := pages.New(pages.Deps{
		UI: look, Sessions: s.sessions, Interactions: interactions, Accounts: s.accounts, Providers: s.providers, Clients: s.clientDir,
		Password: auth.NewPassword(auth.Config{Store: s.store, Hasher: s.hasher, Throttle: s.throttle, Audit: s.audit, Logger: s.logger}),
		Upstream: s.upstream, Store: s.store, Keyring: s.keyring, Audit: s.audit, Traces: s.traces, Issuer: c.Issuer,
		MinPassword: c.Password.MinLength, LoopLimit: c.Limits.Loop, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.protocol, err = oauth.New(oauth.Config{
		Issuer: c.Issuer, Store: s.store, Clients: s.clientDir, Keys: s.keys, Keyring: s.keyring, Sessions: s.sessions, Interactions: interactions,
		Traces: s.traces, Audit: s.audit, Logger: s.logger, UILocales: look.Locales(), LoopLimit: c.Limits.Loop,
		AskSessions: c.Session.Protection != "off",
		Fail: func(w http.ResponseWriter, r *http.Request, e oauth.PageError) {
			front.Error(w, r, pages.Failure{Status: e.Status, Code: e.Code, Description: e.Description, TraceID: e.TraceID, RedirectURI: e.RedirectURI, ClientID: e.ClientID})
		},
	})
	if err != nil {
		return err
	}
	base := issuerPath(c.Issuer)
	mux := http.NewServeMux()
	for _, r := range s.protocol.Routes() {
		mux.HandleFunc(r.Pattern, r.Handler)
	}
	for _, r := range front.Routes() {
		mux.HandleFunc(r.Method+" "+base+r.Path, r.Handler)
	}
	mux.Handle("GET "+base+"/static/", look.Static())
	ready := func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() || s.engine.Ping(r.Context()) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", ready)
	s.public = mux
	s.ops = mux
	return nil
}

// issuerPath returns the path of the issuer, without a trailing slash; empty for most.
func issuerPath(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Path
}
