package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"idp/internal/auth"
	"idp/internal/config"
	"idp/internal/handlers"
	"idp/internal/handlers/api"
	"idp/internal/handlers/pages"
	"idp/internal/handlers/ui"
	"idp/internal/interaction"
	"idp/internal/oauth"
	"idp/internal/store"
)

// buildFront assembles what answers requests: the protocol, the pages, the admin API, and the frame around them.
func (s *server) buildFront() error {
	c := s.config
	look, err := ui.New(ui.Config{
		Brand: ui.Brand{
			Name: c.Brand.Name, Accent: c.Brand.Accent, PrivacyURL: c.Brand.PrivacyURL, TermsURL: c.Brand.TermsURL, SupportURL: c.Brand.SupportURL,
		}, LogoFile: c.Brand.Logo, TemplateDir: c.Brand.ThemeDir,
		Dev: c.Dev, BasePath: issuerPath(c.Issuer), Log: s.logger,
	})
	if err != nil {
		return err
	}
	interactions := interaction.New(interaction.Config{Store: s.store, Issuer: c.Issuer, Starts: c.Throttle.Starts})
	s.across = s.crossDevice()
	front, err := pages.New(pages.Deps{
		CrossDevice: s.across,
		UI:          look, Sessions: s.sessions, Interactions: interactions, Accounts: s.accounts, Providers: s.providerDir, Clients: s.clientDir,
		Password: auth.NewPassword(auth.Config{Store: s.store, Hasher: s.hasher, Throttle: s.throttle, Audit: s.audit, Logger: s.logger}),
		Contexts: s.contexts, Ways: s.ways,
		Upstream: s.upstream, Store: s.store, Keyring: s.keyring, Audit: s.audit, Traces: s.traces, Issuer: c.Issuer, Subjects: s.subjects, SetupDone: s.removeBootstrapToken,
		TellOfLogout: func(ctx context.Context, ended *store.EndedSession) { s.protocol.TellOfLogout(ctx, ended) }, // which is made below
		MinPassword:  c.Password.MinLength, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	metrics := handlers.NewMetrics(handlers.MetricsConfig{
		Audit: s.audit, Traces: s.traces, HashQueue: s.hasher.Load, DatabasePool: s.engine.Pool, Version: readVersion().Version,
	})
	register, err := s.registration()
	if err != nil {
		return err
	}
	certificates, err := mtls(c)
	if err != nil {
		return err
	}
	trusted, err := s.assertions()
	if err != nil {
		return err
	}
	s.protocol, err = oauth.New(oauth.Config{
		Assertions:   trusted,
		MayRegister:  c.Registration == "open",
		Registration: register, Documents: s.documents(), Resources: s.resources,
		Issuer: c.Issuer, Store: s.store, Clients: s.clientDir, Keys: s.keys, Keyring: s.keyring, Sessions: s.sessions, Interactions: interactions,
		Traces: s.traces, Audit: s.audit, Logger: s.logger, UILocales: look.Locales(), LoopLimit: c.Limits.Loop, PushesPerAddress: c.Throttle.Starts, PushesPerClient: c.Throttle.Pushed, RequirePushed: c.Requests.RequirePushed, UserInfoMaxAge: c.Requests.UserInfoMaxAge,
		RequireDPoPNonce: c.DPoP.RequireNonce,
		ClientKeys:       s.keysOf, MTLS: certificates, Outbound: s.outbound, Subjects: s.subjects,
		SignedOut: handlers.SignedOutPage(front), Fail: handlers.FailPage(front), Post: handlers.PostPage(front), IssuedTokens: metrics.Issued,
		CrossDevice: s.across, Contexts: s.contexts, Ways: s.ways,
	})
	if err != nil {
		return err
	}
	s.health = handlers.NewHealth(handlers.HealthConfig{Store: s.store, Keys: s.keys, Logger: s.logger})
	s.public, err = handlers.New(handlers.Dependencies{
		Issuer: c.Issuer, UI: look, Pages: front, Protocol: handlers.FromOAuth(s.protocol), Dev: s.devRoutes(front), API: s.adminAPI(), Clients: s.clientDir, Health: s.health,
		Metrics: metrics, TrustedProxies: c.TrustedProxies, Certificates: clientCertificates(c), BodyLimit: int64(c.Limits.Body), APIBodyLimit: int64(c.Limits.APIBody), Logger: s.logger,
	})
	if err != nil {
		return err
	}
	ops := handlers.Ops{Health: s.health, Dev: c.Dev}
	if c.Metrics {
		ops.Metrics = metrics
	}
	s.ops = handlers.NewOps(ops)
	return nil
}

// adminAPI returns the admin API, which is put together when it is first asked: its schemas are a third of what a start takes of memory, and most
// replicas are never asked.
func (s *server) adminAPI() http.Handler {
	build := sync.OnceValues(func() (http.Handler, error) {
		return api.New(api.Dependencies{
			Issuer: s.config.Issuer, Store: s.store, Keyring: s.keyring, Clients: s.clients, Accounts: s.accounts, Sessions: s.sessions, Audit: s.audit,
			Keys: s.keys, Providers: s.providers, Contexts: s.contexts, Logger: s.logger, Authenticate: s.protocol.Administrator,
		})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admin, err := build()
		if err != nil { // a mistake in the program, which its tests find
			s.logger.ErrorContext(r.Context(), "admin API", slog.Any("error", err))
			http.Error(w, "The admin API could not be put together; the log says why.", http.StatusInternalServerError)
			return
		}
		admin.ServeHTTP(w, r)
	})
}

// issuerPath returns the path of the issuer, without a trailing slash; empty for most.
func issuerPath(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Path
}

func clientCertificates(c *config.Config) handlers.ClientCertificates {
	from := handlers.ClientCertificates{TLS: c.MTLS.Certificates == "tls"}
	if c.MTLS.Certificates == "header" {
		from.Header = c.MTLS.Header
	}
	return from
}
